"""What the document forbids is refused: a value, a field, a parameter at fault."""

from urllib.parse import urlencode

import pytest
from django.db import transaction

from tests.contract import violations
from tests.contract.matrix import ROWS
from tests.contract.shapes import SHAPES
from tests.contract.test_permissions import filled, let_go, operation_of
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion

REFUSED = range(400, 500)


@pytest.fixture
def owner(person):
    return person("admin")


@pytest.fixture
def world(owner, monkeypatch):
    allow_slow_conversion(monkeypatch)
    return build(owner)


@pytest.fixture
def client(api, owner, settings):
    settings.WRITE_RATE = settings.ANALYTICS_RATE = 0
    settings.SIGN_IN_RATE = 10_000
    return api(owner)


def status_of(client, method, path, body=None, **headers):
    mark = transaction.savepoint()
    answer = (
        client.generic(method, path, **headers)
        if body is None
        else getattr(client, method.lower())(path, body, format="json", **headers)
    )
    let_go(answer)
    transaction.savepoint_rollback(mark)
    return answer.status_code


def test_no_forbidden_body_is_taken(client, world):
    taken = []
    for row in ROWS:
        content = operation_of(SHAPES.document, row).get("requestBody", {})
        media = content.get("content", {}).get("application/json")
        if media is None or not isinstance(row.body, dict):
            continue
        path, body = row.path.format(**world), filled(row.body, world)
        for fault, wrong in violations.of_body(media["schema"], body):
            status = status_of(client, row.method, path, wrong)
            if status not in REFUSED:
                taken.append(f"{row.method} {row.path}: {fault} is {status}")

    assert taken == []


def test_no_forbidden_query_is_taken(client, world):
    taken = []
    for row in ROWS:
        path, _, query = row.path.format(**world).partition("?")
        for parameter in operation_of(SHAPES.document, row).get("parameters", []):
            if parameter["in"] != "query":
                continue
            for value in violations.of_query(parameter):
                rest = [part for part in query.split("&") if part]
                rest = [one for one in rest if one.split("=")[0] != parameter["name"]]
                asked = "&".join([*rest, urlencode({parameter["name"]: value})])
                body = filled(row.body, world) if isinstance(row.body, dict) else None
                status = status_of(client, row.method, f"{path}?{asked}", body)
                if status not in REFUSED:
                    taken.append(f"{row.method} {row.path}: {asked:.60} is {status}")

    assert taken == []


def test_no_forbidden_header_is_taken(client, world):
    taken, tried = [], 0
    for row in ROWS:
        for parameter in operation_of(SHAPES.document, row).get("parameters", []):
            if parameter["in"] != "header" or row.kind not in {"json", "chunk"}:
                continue
            name = parameter["name"]
            body = filled(row.body, world) if isinstance(row.body, dict) else None
            for value in violations.of_header(parameter):
                sent = {f"HTTP_{name.upper().replace('-', '_')}": value}
                path = row.path.format(**world)
                status = status_of(client, row.method, path, body, **sent)
                tried += 1
                if status not in REFUSED:
                    taken.append(f"{row.method} {row.path}: {name} {value!r:.20}")

    assert taken == []
    assert tried > 50
