"""Examples of error answers: each code has one, and none says what is never said."""

import ast
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from rest_framework import exceptions

from datasets.analytics.errors import (
    FILE_CODES,
    OUTER_CODES,
    AnalyticsError,
    IngestRefused,
)
from datasets.inline_ingestion import explained
from mlops.core.errors import DomainError
from mlops.core.problems import STATUS_OF_KIND, answer_to
from mlops.core.schema.codes import all_codes
from tests.contract.shapes import SHAPES

PACKAGES = ("mlops", "datasets", "lifecycle", "deployments")
# DuckDB writes these sentences, no source of ours.
OF_DUCKDB = {"sql_invalid", "sql_syntax"}
SHORTEST = 12
FRAMEWORK = {
    kind.default_code: kind.status_code
    for kind in exceptions.APIException.__subclasses__()
}


@pytest.fixture(scope="module")
def examples():
    found = SHAPES.document["components"]["examples"]
    return {code: example["value"] for code, example in found.items()}


def subclasses(kind):
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def known_statuses():
    """Return the statuses of each code that a class or the framework gives one."""
    kinds = [*subclasses(DomainError), *AnalyticsError.__subclasses__()]
    found = {}
    for kind in kinds:
        found.setdefault(kind.code, set()).add(STATUS_OF_KIND[kind.kind])
    for code, status in FRAMEWORK.items():
        found.setdefault(code, set()).add(status)
    for code in FILE_CODES | OUTER_CODES:
        kind = explained(IngestRefused(code, "")).kind
        found.setdefault(code, set()).add(STATUS_OF_KIND[kind])
    return found


def sentences():
    """Yield what the sources may write, as patterns with gaps."""
    for package in PACKAGES:
        for path in Path(settings.BASE_DIR, package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                parts = node.values if isinstance(node, ast.JoinedStr) else [node]
                texts = [one.value for one in parts if is_text(one)]
                if len("".join(texts)) >= SHORTEST:
                    yield "".join(
                        re.escape(one.value) if is_text(one) else ".+" for one in parts
                    )


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_every_code_has_an_example_and_nothing_else_has(examples):
    assert sorted(examples) == all_codes()


def test_example_is_an_answer_of_its_code(examples):
    schema = {"$ref": "#/components/schemas/ErrorResponse"}

    for code, value in examples.items():
        assert SHAPES.faults(schema, value) == []
        assert value["code"] == code
        assert {one["type"] for one in value["errors"]} <= {code}


def test_example_has_a_status_of_its_code(examples):
    known = known_statuses()

    checked = {code: value for code, value in examples.items() if code in known}

    assert len(checked) > 90
    for code, value in checked.items():
        assert value["status"] in known[code], code


def test_example_is_shown_at_its_status(examples):
    shared = SHAPES.document["components"]["responses"].values()
    contents = [
        one["content"]["application/problem+json"] for one in shared if "content" in one
    ]
    shown = {code for one in contents for code in one["examples"]}

    assert set(examples) - shown == {"method_not_allowed", "server_error"}


def test_example_is_a_sentence_that_the_sources_write(examples):
    known = [re.compile(one, re.DOTALL) for one in sentences()]
    ours = {
        code: value["detail"]
        for code, value in examples.items()
        if code not in OF_DUCKDB and code not in FRAMEWORK
    }

    unsaid = [
        code
        for code, detail in ours.items()
        if not any(one.fullmatch(detail) for one in known)
    ]

    assert unsaid == []


def test_error_of_the_domain_is_answered_as_its_example_says(examples):
    for kind in subclasses(DomainError):
        value = examples.get(kind.code)
        if value is None or value["status"] != STATUS_OF_KIND[kind.kind]:
            continue
        places = [one["loc"] for one in value["errors"]] or [["body"]]
        error = kind.__new__(kind)
        DomainError.__init__(error, value["detail"], field=".".join(places[0][1:]))
        error.retry_after_s = 1

        answer = answer_to(error)

        said = json.loads(answer.content)
        for fault in said["errors"]:
            fault["loc"][0] = places[0][0]  # the request's, and there is none
        assert (answer.status_code, said) == (value["status"], value)
