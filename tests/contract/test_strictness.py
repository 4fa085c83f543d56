"""What the document forbids is refused: a value, a field, a parameter at fault."""

import io
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
FORMS = {"multipart/form-data": "multipart"}


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


def status_of(client, method, path, body=None, kind="json"):
    mark = transaction.savepoint()
    answer = (
        client.generic(method, path)
        if body is None
        else getattr(client, method.lower())(path, body, format=kind)
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


def parts(body):
    return {
        name: io.BytesIO(part) if isinstance(part, bytes) else part
        for name, part in body.items()
    }


def test_no_empty_text_of_a_form_is_taken_for_a_field_left_out(client, world):
    taken, asked = [], 0
    for row in ROWS:
        content = operation_of(SHAPES.document, row).get("requestBody", {})
        for media, form in content.get("content", {}).items():
            if media not in FORMS:
                continue
            for name, schema in SHAPES.resolved(form["schema"])["properties"].items():
                kind = SHAPES.resolved(schema)
                if kind.get("type") != "string" or violations.fits(schema, ""):
                    continue
                body = {**parts(filled(row.body or {}, world)), name: ""}
                path = row.path.format(**world)
                status = status_of(client, row.method, path, body, FORMS[media])
                asked += 1
                if status not in REFUSED:
                    taken.append(f"{row.method} {row.path}: {name} is {status}")

    assert asked > 5
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


def header_fault(client, row, world, name, value):
    """Return what is wrong with the answer to a forbidden header, None if nothing."""
    path = row.path.format(**world)
    body = filled(row.body, world) if isinstance(row.body, dict) else None
    mark = transaction.savepoint()
    client.credentials(**{f"HTTP_{name.upper().replace('-', '_')}": value})
    answer = (
        client.generic(row.method, path)
        if body is None
        else getattr(client, row.method.lower())(path, body, format="json")
    )
    client.credentials()
    let_go(answer)
    transaction.savepoint_rollback(mark)
    if answer.status_code not in REFUSED:
        return f"taken: {answer.status_code}"
    places = [one["loc"] for one in answer.json()["errors"]]
    return None if places == [["header", name]] else f"named {places}"


def test_no_forbidden_header_is_taken_and_the_refusal_names_it(client, world):
    faults, tried = [], 0
    for row in ROWS:
        for parameter in operation_of(SHAPES.document, row).get("parameters", []):
            if parameter["in"] != "header" or row.kind not in {"json", "chunk"}:
                continue
            name = parameter["name"]
            for value in violations.of_header(parameter):
                fault = header_fault(client, row, world, name, value)
                tried += 1
                if fault:
                    faults.append(f"{row.method} {row.path}: {name} {value!r}: {fault}")

    assert faults == []
    assert tried > 50
