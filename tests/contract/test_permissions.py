import io
import re
from collections import defaultdict

import pytest
from django.db import transaction
from django.urls import URLPattern, get_resolver
from drf_spectacular.generators import SchemaGenerator

from mlops.core.models import AuditEntry
from mlops.core.permissions import permission_for
from mlops.core.schema.walk import operations
from tests.contract.matrix import COLUMNS, ROWS
from tests.contract.world import build
from tests.datasets.conftest import allow_slow_conversion

# Of every answer of a web server; they say nothing of the API.
PLAIN_HEADERS = {
    "Allow",
    "Cache-Control",
    "Content-Language",
    "Content-Length",
    "Content-Security-Policy",
    "Content-Type",
    "Cross-Origin-Opener-Policy",
    "Referrer-Policy",
    "Vary",
    "X-Accel-Buffering",
    "X-Content-Type-Options",
    "X-Frame-Options",
}
PARAMETER = re.compile(r"\{[^}]*\}|<[^>]*>")


@pytest.fixture
def people(person):
    roles = {"owner": "data scientist", "stranger": "data scientist"}
    return {
        column: person(roles.get(column, column), f"{column} of the matrix")
        for column in COLUMNS
        if column != "anonymous"
    }


@pytest.fixture
def world(people, monkeypatch):
    allow_slow_conversion(monkeypatch)
    return build(people["owner"])


def ask(client, row, world):
    path = row.path.format(**world)
    if row.kind == "chunk":
        return client.generic(
            row.method,
            path,
            row.body,
            content_type="application/offset+octet-stream",
            HTTP_UPLOAD_OFFSET="0",
        )
    body = filled(row.body, world)
    if row.kind == "multipart":
        body = {
            name: io.BytesIO(part) if isinstance(part, bytes) else part
            for name, part in body.items()
        }
    return (
        client.generic(row.method, path)
        if body is None
        else getattr(client, row.method.lower())(path, body, format=row.kind)
    )


def filled(body, world):
    """Return the body with the names of the world in place of `{…}`."""
    if not isinstance(body, dict):
        return body
    return {
        name: value.format(**world) if isinstance(value, str) else value
        for name, value in body.items()
    }


def let_go(answer):
    """Read a stream to its end, so that its file is closed."""
    if answer.streaming:
        b"".join(answer.streaming_content)


@pytest.fixture(scope="module")
def document():
    return SchemaGenerator().get_schema(request=None, public=True)


def operation_of(document, row):
    """Return the operation that a row is about."""
    path = row.path.partition("?")[0]
    candidates = [
        (template.count("{"), operation)
        for template, method, operation in operations(document)
        if fits(method.upper(), template, (row.method, path))
    ]
    _variable_parts, operation = min(candidates, key=lambda one: one[0])
    return operation


def documented_headers(document, row):
    """Return the names of the headers that each status of the row's route documents."""
    shared = document["components"]["responses"]
    return {
        int(status): set(
            (shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one)[
                "headers"
            ]
        )
        for status, one in operation_of(document, row)["responses"].items()
    }


def documented_types(document, row):
    """Return the media types that each status of the row's route documents."""
    shared = document["components"]["responses"]
    return {
        int(status): set(
            (shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one).get(
                "content", {}
            )
        )
        for status, one in operation_of(document, row)["responses"].items()
    }


def answers(row, world, people, api, document):
    """Return the status each column gets, each in an untouched world."""
    documented, types = (
        documented_headers(document, row),
        documented_types(document, row),
    )
    found = {}
    for column in COLUMNS:
        client = api(people.get(column, "anonymous"))
        mark = transaction.savepoint()
        entries = AuditEntry.objects.exclude(action="sign_in_failed")
        before = entries.count()
        answer = ask(client, row, world)
        let_go(answer)
        wrote = entries.count() > before
        transaction.savepoint_rollback(mark)
        found[column] = answer.status_code
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        assert not kind or kind in types[answer.status_code], f"{row.path}: {kind}"
        strange = set(answer.headers) - PLAIN_HEADERS - documented[answer.status_code]
        assert not strange, f"{row.method} {row.path} documents no {strange}"
        unsafe = row.method != "GET" and answer.status_code < 300
        if unsafe and not row.silent:
            assert wrote, f"{row.method} {row.path} left no audit entry"
        assert not (wrote and answer.status_code >= 400), "a refusal left an entry"
    return found


def test_every_caller_gets_the_status_of_the_table(world, people, api, document):
    differences = {}
    for row in ROWS:
        found, expected = answers(row, world, people, api, document), row.expected()
        if found != expected:
            differences[f"{row.method} {row.path} {row.body}"] = {
                column: f"{found[column]}, not {expected[column]}"
                for column in COLUMNS
                if found[column] != expected[column]
            }

    assert differences == {}


def test_every_documented_route_has_a_row(document):
    rows = {(row.method, row.path.partition("?")[0]) for row in ROWS}

    missing = [
        f"{method.upper()} {path}"
        for path, method, _ in operations(document)
        if not any(fits(method.upper(), path, row) for row in rows)
    ]

    assert missing == []


def fits(method, path, row):
    """Say whether a row is about this path of the document."""
    literal = re.escape(PARAMETER.sub("{}", path)).replace(r"\{\}", "[^/]+")
    return method == row[0] and re.fullmatch(literal, row[1]) is not None


def test_undocumented_routes_are_other_addresses_of_documented_ones():
    documented, others = set(), {}
    for route, pattern in api_patterns(get_resolver().url_patterns):
        view = pattern.callback
        for method, action in view.actions.items():
            schema = view.initkwargs.get("schema", "documented")
            if schema is None:
                others[f"{method} {route}"] = (
                    view.cls.permission_model,
                    action,
                    view.cls,
                )
            else:
                documented.add((view.cls.permission_model, action))

    strange = {
        route: (model, action)
        for route, (model, action, _cls) in others.items()
        if (model, action) not in documented
    }

    assert strange == {}
    assert len(others) >= len(documented)


def api_patterns(patterns, prefix=""):
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            if route.startswith("api/v1/"):
                yield route, pattern
        else:
            yield from api_patterns(pattern.url_patterns, route)


def test_every_view_of_the_api_names_what_it_needs():
    for route, pattern in api_patterns(get_resolver().url_patterns):
        assert hasattr(pattern.callback.cls, "permission_model"), route


def test_a_viewset_maps_each_action_of_its_routes_and_no_other():
    called = defaultdict(set)
    for _route, pattern in api_patterns(get_resolver().url_patterns):
        called[pattern.callback.cls] |= set(pattern.callback.actions.values())

    refused = {
        f"{view.__name__}.{action}"
        for view, actions in called.items()
        for action in actions
        if permission_for(view, action) is None
    }
    unused = {
        f"{view.__name__}.{action}"
        for view, actions in called.items()
        for action in vars(view).get("action_permissions", {})
        if action not in actions
    }

    assert refused == set()
    assert unused == set()
