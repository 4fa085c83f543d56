"""Headers: what the document names may be sent and read from another origin."""

import json
import re

import pytest
from django.conf import settings
from drf_spectacular.generators import SchemaGenerator

from mlops.core import headers
from mlops.core.schema.walk import operations

ORIGIN = "http://localhost:3000"


@pytest.fixture(scope="module")
def document():
    made = SchemaGenerator().get_schema(request=None, public=True)
    return json.loads(json.dumps(made))


@pytest.fixture(scope="module")
def sent_headers(document):
    return {
        (parameter["name"], path)
        for path, _method, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "header"
    }


def preflight(client, path, *names):
    return client.options(
        re.sub(r"\{[^}]*\}", "x", path),
        HTTP_ORIGIN=ORIGIN,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="PATCH",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS=",".join(names).lower(),
    )


def test_page_elsewhere_may_send_each_header_that_an_operation_documents(
    client, sent_headers
):
    for name, path in sent_headers:
        answer = preflight(client, path, "authorization", name)

        allowed = answer["Access-Control-Allow-Headers"].split(", ")
        assert answer["Access-Control-Allow-Origin"] == ORIGIN, path
        assert name.lower() in allowed, (name, path)


def test_table_has_the_headers_that_operations_document_and_no_other(sent_headers):
    assert {name for name, _path in sent_headers} == {
        header.name for header in headers.REQUEST
    }


def test_page_elsewhere_may_read_each_header_that_an_answer_documents(document):
    named = set(document["components"]["headers"])

    assert set(settings.CORS_EXPOSE_HEADERS) == named
    assert {
        name for one in answers(document) for name in one.get("headers", {})
    } == named


def answers(document):
    yield from document["components"]["responses"].values()
    for _path, _method, operation in operations(document):
        yield from (one for one in operation["responses"].values() if "$ref" not in one)
