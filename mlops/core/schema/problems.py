"""The error answers of the document, shared by reference."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from mlops.core.problems import problem
from mlops.core.schema.answers import shared_headers
from mlops.core.schema.codes import all_codes

CONTENT_TYPE = "application/problem+json"
_EXAMPLES = Path(__file__).with_suffix(".toml")

VALIDATION_ERROR: dict[str, Any] = {
    "type": "object",
    "description": "One field at fault.",
    "properties": {
        "loc": {
            "type": "array",
            "items": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
            "description": "Where it is: body or query, then the path to the field.",
        },
        "msg": {"type": "string"},
        "type": {"type": "string"},
    },
    "required": ["loc", "msg", "type"],
}


def _problem(description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string", "description": "One sentence for people."},
            "code": {"$ref": "#/components/schemas/ErrorCode"},
            "errors": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/ValidationError"},
            },
            "request_id": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail", "code", "errors"],
    }


def schemas() -> dict[str, dict[str, Any]]:
    """Return the components of errors; call it when all apps are loaded."""
    return {**SCHEMAS, "ErrorCode": error_code()}


def examples() -> dict[str, Any]:
    """Return an example of an answer for every error code, by code."""
    return {
        code: {"value": _example(int(status), code, **parts)}
        for status, found in _written().items()
        for code, parts in found.items()
    }


@cache
def _written() -> dict[str, dict[str, Any]]:
    return tomllib.loads(_EXAMPLES.read_text())


def _example(
    status: int, code: str, detail: str, loc: list[str | int] | None = None
) -> dict[str, Any]:
    errors = [{"loc": loc, "msg": detail, "type": code}] if loc else []
    body = problem(status, code, detail, errors)
    body.pop("request_id", None)  # of the request that made the document
    return body


def error_code() -> dict[str, Any]:
    return {
        "type": "string",
        "enum": all_codes(),
        "description": (
            "What went wrong, as a stable word for programs. New versions may have "
            "more: treat one that is not known by its status."
        ),
    }


SCHEMAS: dict[str, dict[str, Any]] = {
    "ErrorResponse": _problem("What went wrong (RFC 9457)."),
    "HTTPValidationError": _problem("A well-formed request with invalid values."),
    "ValidationError": VALIDATION_ERROR,
}

_RESPONSES = {
    "304": ("NotModified", "The answer would be the one that is named"),
    "400": ("BadRequest", "Malformed body, or a query value that is not known"),
    "401": ("Unauthorized", "Not signed in"),
    "403": ("Forbidden", "Signed in, but not allowed to do this"),
    "404": ("NotFound", "Not there, or not to be seen by the caller"),
    "406": ("NotAcceptable", "No answer in a form that Accept allows"),
    "409": ("Conflict", "A rule is broken, a name is taken, or a race was lost"),
    "412": ("PreconditionFailed", "The object has changed since it was read"),
    "413": ("ContentTooLarge", "The body is larger than the server takes"),
    "415": ("UnsupportedMediaType", "The body is of a kind that is not read here"),
    "416": ("RangeNotSatisfiable", "The file has no such range"),
    "422": ("UnprocessableContent", "Well-formed, but with invalid values"),
    "429": ("TooManyRequests", "Too many requests; Retry-After says when to go on"),
    "503": ("ServiceUnavailable", "The database did not answer; try again"),
}


def _answer(status: str, description: str) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": description,
        "headers": shared_headers(status),
    }
    if status == "304":
        return answer
    name = "HTTPValidationError" if status == "422" else "ErrorResponse"
    content = {
        "schema": {"$ref": f"#/components/schemas/{name}"},
        "examples": {
            code: {"$ref": f"#/components/examples/{code}"}
            for code in _written().get(status, ())
        },
    }
    return {**answer, "content": {CONTENT_TYPE: content}}


RESPONSES: dict[str, dict[str, Any]] = {
    name: _answer(status, description)
    for status, (name, description) in _RESPONSES.items()
}

_ALWAYS = {"400", "401", "403", "406", "422", "429", "503"}
_WRITES = {"404", "409", "413", "415"}
_NAMED_IN_QUERY = ("/curves", "/lineage")
"""Their query names what has to be there; other queries pick from what there is."""
# What looks into rows is refused while a version is read; what is written down is not.
_LOOKS_INTO_ROWS = re.compile(
    r"/\{dataset_id\}/(?!(checks|drift-reports|events|lineage|versions)\b|rules(/\{|$))"
)


def statuses(method: str, path: str) -> list[str]:
    """Return the error statuses that an operation may answer, ascending."""
    found = set(_ALWAYS)
    if "{" in path or path.endswith(_NAMED_IN_QUERY):
        found.add("404")
    if _LOOKS_INTO_ROWS.search(path):
        found.add("409")
    if method != "get":
        found |= _WRITES
        found |= {"412"} if "{" in path else set()
    return sorted(found)


def reference(status: str) -> dict[str, str]:
    """Return the reference to the shared answer of a status."""
    return {"$ref": f"#/components/responses/{_RESPONSES[status][0]}"}
