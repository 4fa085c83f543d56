"""What 201 says of the new thing: where it is read, exactly where the document says."""

import pytest
from django.db import transaction

from tests.contract import circumstances, exchanges
from tests.contract.matrix import ROWS
from tests.contract.shapes import SHAPES
from tests.contract.test_permissions import (
    ask,
    documented_headers,
    let_go,
    operation_of,
)
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion


@pytest.fixture
def owner(person):
    return person("admin")


@pytest.fixture
def world(owner, monkeypatch, settings):
    settings.WRITE_RATE = settings.ANALYTICS_RATE = 0
    settings.KEEP_UPLOADS = "all"
    allow_slow_conversion(monkeypatch)
    return build(owner)


def created(client, row, world):
    """Return a new thing's answer and the status of its address, in a world as it was.

    What the row makes is gone again after that.
    """
    mark = transaction.savepoint()
    name = operation_of(SHAPES.document, row)["operationId"]
    circumstances.NEEDED.get(name, lambda _world: None)(world)
    answer, status = ask(client, row, world), None
    if location := answer.headers.get("Location"):
        found = client.get(location)
        let_go(found)
        status = found.status_code
    transaction.savepoint_rollback(mark)
    return name, answer, status


def test_new_thing_is_read_at_its_location_wherever_one_is_documented(
    api, owner, world
):
    client, wrong, tried = api(owner), {}, set()
    for row in (*exchanges.ACTING, *ROWS):
        if row.but.get("owner", row.ok) != 201:
            continue
        name, answer, status = created(client, row, world)
        documents = "Location" in documented_headers(SHAPES.document, row)[201]
        tried.add(name)
        if (answer.status_code, status) != (201, 200 if documents else None):
            wrong[name] = answer.status_code, answer.headers.get("Location"), status

    assert wrong == {}
    assert len(tried) > 20
