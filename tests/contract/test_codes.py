"""Error codes: the document lists all that the code has, and none else."""

import ast
from pathlib import Path

import pytest
from django.conf import settings

from mlops.core.schema.codes import all_codes

# The gateway and the MLflow protocol answer in their own protocols' words; codes of
# fields (`errors[].type`) are Django's.
OTHERS = (
    *("serving", "gateway", "mlflow", "admin", "migrations", "dashboard", "demo"),
    *("importing", "exporting"),  # of commands
)
CALLS = {
    "_answer": 2,
    "problem_response": 1,
    "problem": 1,
    "IngestRefused": 0,
    "SqlLimit": 0,
    "SqlRefused": 0,
    "_explained": 0,
    "_limit": 0,
    "_refused": 0,
}
FIELD_ERRORS = {"ValidationError"}


def sources():
    for package in ("mlops", "datasets", "lifecycle", "deployments"):
        for path in Path(settings.BASE_DIR, package).rglob("*.py"):
            if not set(OTHERS) & set(path.parts):
                yield path


def written_codes(path):
    """Yield the codes that a module writes: of classes, of calls, of shapes."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.ClassDef(body=body):
                yield from (code for line in body for code in of_class(line))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                yield from of_call(name, node)
            case ast.Tuple(
                elts=[ast.Constant(value=int()), ast.Constant(value=str(code)), _, _]
            ):
                yield code


def of_class(line):
    match line:
        case ast.Assign(
            targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))
        ):
            yield code
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(id="kind"), ast.Name(id="code")])],
            value=ast.Tuple(elts=[_, ast.Constant(value=str(code))]),
        ):
            yield code


def of_call(name, call):
    if name in FIELD_ERRORS:
        return
    place = CALLS.get(name)
    given = call.args[place : place + 1] if place is not None else []
    given += [one.value for one in call.keywords if one.arg == "code"]
    words = (one.value for one in given if isinstance(one, ast.Constant))
    yield from (word for word in words if isinstance(word, str))


@pytest.fixture(scope="module")
def written():
    return {code for path in sources() for code in written_codes(path)}


def test_every_code_that_is_written_is_listed(written):
    assert len(written) > 80
    assert written - set(all_codes()) == set()


def test_every_listed_code_is_written_or_the_frameworks(written):
    framework = {
        "authentication_failed",
        "method_not_allowed",
        "not_acceptable",
        "not_authenticated",
        "parse_error",
        "permission_denied",
        "throttled",
        "unsupported_media_type",
    }

    assert set(all_codes()) - written - framework == set()


def test_codes_are_a_closed_word_of_the_document(api):
    document = api("viewer").get("/api/schema/?format=json").json()
    schemas = document["components"]["schemas"]

    assert schemas["ErrorCode"]["enum"] == all_codes()
    for name in ("ErrorResponse", "HTTPValidationError"):
        code = schemas[name]["properties"]["code"]
        assert code["allOf"] == [{"$ref": "#/components/schemas/ErrorCode"}]
