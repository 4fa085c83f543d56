"""Each example of the document is sent, and answered as the document shows."""

import json
import os

import pytest
from django.db import transaction

from mlops.core.schema.examples import FILE
from mlops.core.schema.walk import dictionaries, operations
from tests.contract import circumstances, exchanges
from tests.contract.shapes import SHAPES
from tests.contract.test_permissions import let_go
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion

pytestmark = pytest.mark.django_db
RECORDS = bool(os.environ.get("RECORD_EXAMPLES"))
JSON = "application/json"


@pytest.fixture
def written():
    return json.loads(FILE.read_text())


@pytest.fixture
def owner(person):
    return person("admin")


@pytest.fixture
def world(owner, monkeypatch, settings):
    settings.KEEP_UPLOADS = "all"
    allow_slow_conversion(monkeypatch)
    return build(owner)


@pytest.fixture
def client(api, owner, settings):
    settings.WRITE_RATE = settings.ANALYTICS_RATE = 0
    return api(owner)


def exchange(client, operation_id, example, world):
    """Send an example in an untouched world; return status, and JSON if any."""
    shown = exchanges.shown_world(world)
    mark = transaction.savepoint()
    circumstances.NEEDED.get(operation_id, lambda _world: None)(world)
    answer = exchanges.send(
        client, operation_id, example, {shown[key]: world[key] for key in world}
    )
    let_go(answer)
    transaction.savepoint_rollback(mark)
    has_json = answer.headers.get("Content-Type", "").startswith(JSON)
    return str(answer.status_code), answer.json() if has_json else None


def recorded(client, world):
    """Return all examples anew."""
    shown, found = exchanges.shown_world(world), {}
    forth = {world[key]: shown[key] for key in world}
    for operation_id, (row, operation) in exchanges.rows().items():
        example = {
            "parameters": exchanges.parameters_of(row, operation_id, shown),
            **exchanges.request_of(row, operation, shown),
        }
        example["status"], answer = exchange(client, operation_id, example, world)
        if answer is not None and example["status"].startswith("2"):
            example["answer"] = exchanges.plain(answer, forth)
        found[operation_id] = example
    return found


def test_every_example_is_answered_as_it_says_when_it_is_sent(client, world, written):
    if RECORDS:
        written = recorded(client, world)
        FILE.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")

    differing = []
    for operation_id, example in written.items():
        status, answer = exchange(client, operation_id, example, world)
        expected = example.get("answer")
        same = exchanges.shape(answer) == exchanges.shape(expected)
        if status != example["status"] or not (same or expected is None):
            differing.append((operation_id, status, answer))

    assert differing == [], "run `make examples`"


def test_every_example_is_of_a_success(written):
    assert {one["status"][0] for one in written.values()} == {"2"}


def test_examples_fit_what_they_are_examples_of(written):
    faults = []
    for _path, _method, operation in operations(SHAPES.document):
        example = written.get(operation["operationId"])
        if example is None:
            continue
        if "request" in example:
            schema = operation["requestBody"]["content"][example["media"]]["schema"]
            faults += SHAPES.faults(schema, example["request"])
        if "answer" in example:
            answer = operation["responses"][example["status"]]
            faults += SHAPES.faults(
                answer["content"][JSON]["schema"], example["answer"]
            )

    assert faults == []


def test_document_shows_the_examples_that_are_sent(written):
    shown = [
        part
        for _path, _method, operation in operations(SHAPES.document)
        for part in dictionaries(operation)
        if "example" in part
    ]

    assert set(written) <= set(exchanges.rows())
    assert len(written) > 90
    assert len(shown) > 200


def test_examples_hold_no_secret():
    text = FILE.read_text()

    assert exchanges.SECRET.findall(text) == []
