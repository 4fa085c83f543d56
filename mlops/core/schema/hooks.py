"""Finishes the document: error answers, plain times, nothing of the database."""

from typing import Any

from mlops.core import headers
from mlops.core.schema import answers, examples, glossary, problems
from mlops.core.schema.walk import Document, dictionaries, operations

# What Django derives from column types; PostgreSQL and SQLite differ in them.
_COLUMN_LIMITS = frozenset(
    {2**15 - 1, 2**31 - 1, 2**63 - 1, -(2**15), -(2**31), -(2**63)}
)


def finish(
    result: Document,
    generator: Any,  # noqa: ARG001 - drf-spectacular's signature
    request: Any,  # noqa: ARG001
    public: bool,  # noqa: ARG001, FBT001
) -> Document:
    """Return the document with everything that no single view can know."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(problems.schemas())
    components["responses"] = problems.RESPONSES
    components["examples"] = problems.examples()
    components["headers"] = answers.COMPONENTS
    _inline_pages(result)
    for path, method, operation in operations(result):
        _add_errors(path, method, operation)
        answers.name_headers(method, operation)
    _forget_column_limits(result)
    _forget_lengths_of_words(result)
    _write_times_as_text(result)
    glossary.describe(result)
    examples.show(result)
    components["schemas"] = dict(sorted(components["schemas"].items()))
    return result


def _add_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    own = operation["responses"]
    sent = {parameter["name"] for parameter in operation.get("parameters", [])}
    if headers.IF_NONE_MATCH.name in sent:
        own.setdefault("304", problems.reference("304"))
    if "416" in own:
        own["416"] = problems.reference("416")
    for status in problems.statuses(method, path):
        own.setdefault(status, problems.reference(status))
    operation["responses"] = dict(sorted(own.items()))


def _inline_pages(result: Document) -> None:
    """Write bare arrays where they are answered; a name for each says nothing."""
    schemas = result["components"]["schemas"]
    pages = {
        f"#/components/schemas/{name}": schemas.pop(name)
        for name in list(schemas)
        if name.startswith("Paginated") and schemas[name].get("type") == "array"
    }
    for part in dictionaries(result["paths"]):
        if (page := pages.get(str(part.get("$ref")))) is not None:
            part.clear()
            part.update(page)


def _forget_column_limits(node: Any) -> None:
    for part in dictionaries(node):
        if part.get("type") != "integer":
            continue
        if part.get("format") == "int64":
            del part["format"]
        for bound in ("minimum", "maximum"):
            if part.get(bound) in _COLUMN_LIMITS:
                del part[bound]


def _forget_lengths_of_words(node: Any) -> None:
    """Drop `minLength` beside `enum`: it says nothing, and generators stumble on it."""
    for part in dictionaries(node):
        if "enum" in part:
            part.pop("minLength", None)


def _write_times_as_text(result: Document) -> None:
    """Drop `format: date-time` from all that is answered; clients keep strings."""
    seen: set[str] = set()
    for _path, _method, operation in operations(result):
        for answer in operation["responses"].values():
            _strip_times(answer, result["components"]["schemas"], seen)


def _strip_times(node: Any, schemas: dict[str, Any], seen: set[str]) -> None:
    for part in dictionaries(node):
        if part.get("format") == "date-time":
            del part["format"]
        name = str(part.get("$ref", "")).rpartition("/")[2]
        if name in schemas and name not in seen:
            seen.add(name)
            _strip_times(schemas[name], schemas, seen)
