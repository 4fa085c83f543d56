"""ETags: each operation that documents them keeps them, and no other has any."""

import re

import pytest
from django.db import transaction

from mlops.core import headers
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

IF_MATCH, IF_NONE_MATCH = headers.IF_MATCH.name, headers.IF_NONE_MATCH.name
OTHER = 'W/"0123456789abcdef01.0123456789abcdef01"'
NOTHING = "00000000-0000-4000-8000-000000000000"
UNCHANGED = (304, b"", True, 304, 304, 200)
READS = [row for row in ROWS if row.method == "GET"]


@pytest.fixture
def owner(person):
    return person("admin")


@pytest.fixture
def world(owner, monkeypatch, settings):
    settings.WRITE_RATE = settings.ANALYTICS_RATE = 0
    settings.KEEP_UPLOADS = "all"
    allow_slow_conversion(monkeypatch)
    return build(owner)


@pytest.fixture
def client(api, owner):
    return api(owner)


def sent_headers(row):
    """Return the names of the headers that the row's operation takes."""
    parameters = operation_of(SHAPES.document, row).get("parameters", [])
    return {one["name"] for one in parameters if one["in"] == "header"}


def compared():
    """Return a row of each operation that documents `If-Match`."""
    found = {}
    for row in ROWS:
        operation = operation_of(SHAPES.document, row)
        if IF_MATCH in sent_headers(row):
            found.setdefault(operation["operationId"], row)
    return found


def tag_of(client, path, **sent):
    answer = client.get(path, **sent)
    let_go(answer)
    return answer.status_code, answer.headers.get("ETag")


def unchanged(client, path, tag):
    """Return what comes of asking again with this tag, with any, with another."""
    same = client.get(path, HTTP_IF_NONE_MATCH=tag)
    others = [
        tag_of(client, path, HTTP_IF_NONE_MATCH=one)[0]
        for one in (f"{OTHER}, {tag}", "*", OTHER)
    ]
    return same.status_code, same.content, same["ETag"] == tag, *others


def own_tag(client, path):
    """Return the tag of what a write changes: of its address, or of what is above."""
    while path.count("/") > 2:
        status, tag = tag_of(client, path)
        if status == 200 and tag:
            return tag
        path = path.rpartition("/")[0]
    raise LookupError


def written(client, row, world, tag, header=IF_MATCH):
    """Return the answer to a row with this header, in an untouched world."""
    mark = transaction.savepoint()
    client.credentials(**{f"HTTP_{header.upper().replace('-', '_')}": tag})
    answer = ask(client, row, world)
    client.credentials()
    let_go(answer)
    transaction.savepoint_rollback(mark)
    return answer


def test_read_has_an_etag_that_makes_it_304_exactly_if_the_document_says_so(
    client, world
):
    differing = []
    for row in READS:
        documents = IF_NONE_MATCH in sent_headers(row)
        path = row.path.format(**world)
        status, tag = tag_of(client, path)
        found = status, tag is not None
        if documents and tag:
            # Figures of a window move on with the clock: then the tag is another one.
            _status, tag = tag_of(client, path, HTTP_IF_NONE_MATCH=tag)
            found += unchanged(client, path, tag)
        if found != ((200, True, *UNCHANGED) if documents else (200, False)):
            differing.append((row.path, documents, found))

    assert differing == []


def test_tag_that_was_lost_is_refused_wherever_one_is_documented(client, world):
    taken = []
    for row in ROWS:
        for name in {IF_MATCH, IF_NONE_MATCH} & sent_headers(row):
            answer = written(client, row, world, "", name)
            named = answer.status_code == 400 and answer.json()["errors"][0]["loc"]
            if named != ["header", name]:
                taken.append((row.method, row.path, name, answer.status_code))

    assert taken == []


def test_write_sends_the_etags_that_it_documents(client, world):
    differing, tried = [], 0
    for row in ROWS:
        if row.method == "GET" or row.but.get("owner", row.ok) != 200:
            continue
        documents = "ETag" in documented_headers(SHAPES.document, row)[200]
        mark = transaction.savepoint()
        answer = ask(client, row, world)
        let_go(answer)
        transaction.savepoint_rollback(mark)
        tried += answer.status_code == 200
        if answer.status_code == 200 and documents != ("ETag" in answer):
            differing.append((row.method, row.path))

    assert differing == []
    assert tried > 20


def test_what_was_read_may_be_changed_and_what_has_changed_since_may_not(client, world):
    differing = {}
    for name, row in compared().items():
        path = row.path.format(**world)
        tag = own_tag(client, path)

        fresh = written(client, row, world, tag)
        stale = written(client, row, world, OTHER)

        expected = row.but.get("owner", row.ok)
        if (fresh.status_code, stale.status_code) != (expected, 412):
            differing[name] = fresh.status_code, stale.status_code

    assert differing == {}


def test_tag_that_a_write_answers_is_that_of_what_is_read_next(client, world):
    for row in compared().values():
        if row.method not in {"PATCH", "PUT"}:
            continue
        path = row.path.format(**world)
        mark = transaction.savepoint()
        answer = ask(client, row, world)

        state = re.match(r'W/"\w+', answer["ETag"])[0]
        assert own_tag(client, path).startswith(state), row.path
        transaction.savepoint_rollback(mark)


def test_what_is_not_there_is_404_whatever_tag_is_sent(client, world):
    differing = {}
    for name, row in compared().items():
        # The last name of the address is what the write is about.
        address, found = re.subn(r"\{\w+\}(?!.*\{)", NOTHING, row.path)
        if not found:
            continue
        absent = type(row)(**{**vars(row), "path": address})
        for tag in ("*", OTHER):
            status = written(client, absent, world, tag).status_code
            if status != 404:
                differing[name, tag] = status

    assert differing == {}
