"""Values that a schema of the document forbids, one fault each."""

from collections.abc import Iterator
from typing import Any

from tests.contract.shapes import SHAPES

OTHER_TYPES = {
    "string": [1, True, ["x"], {"a": 1}],
    "integer": ["1", 1.5, True, [1], {"a": 1}],
    "number": ["x", True, [1], {"a": 1}],
    "boolean": ["true", 1, [True]],
    "array": ["x", 1, {"a": 1}],
    "object": ["x", 1, ["x"]],
}

NO_WHOLES = ["x", "", "1.5", "+3", "\u0663", "1_0", " 3", "3 ", "1e1", "0x1", "--1"]
NO_TRUTHS = ["x", "", "1", "yes", "on", "True", "t", " true"]
NO_TIMES = [
    "soon",
    "2027-01-01",
    "2027-01-01T00:00:00",
    "2027-01-01 00:00:00Z",
    "2027-01-01 00:00",
    "2027-1-1T0:0:0Z",
    "20270101T000000Z",
    "2027-01-01T00:00Z",
    "2027-01-01T00:00:00,5Z",
    "2027-01-01T00:00:00.Z",
    "2027-01-01T00:00:00+0900",
    "2027-01-01T00:00:00+09",
    "2027-01-01T00:00:00+24:00",
    "2027-01-01T00:00:00+09:60",
    "2027-01-01T24:00:00Z",
    "2027-01-01T12:00:60Z",
    "2027-02-30T00:00:00Z",
    "2027-W01-1T00:00:00Z",
    "\uff12\uff10\uff12\uff17-01-01T00:00:00Z",
    " 2027-01-01T00:00:00Z",
    "2027-01-01T00:00:00Z\n",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
]
"""What no `date-time` is, written in ways that some readers take."""


def fits(schema: Any, value: Any) -> bool:
    return not SHAPES.faults(schema, value)


def of_value(schema: Any) -> Iterator[Any]:
    """Yield values that do not fit a property's schema."""
    whole = SHAPES.resolved(schema)
    candidates = [None, *OTHER_TYPES.get(whole.get("type", ""), [])]
    candidates += _beyond(whole)
    if "items" in whole:
        candidates += [[one] for one in of_value(whole["items"])]
    yield from (one for one in candidates if not fits(schema, one))
    if whole.get("format") == "date-time":
        yield from NO_TIMES


def _beyond(schema: Any) -> list[Any]:
    """Return values of the right type past a bound."""
    found: list[Any] = []
    if "enum" in schema:
        found.append("nothing-such")
    if schema.get("minLength"):
        found.append("")
    if "maxLength" in schema:
        found.append("x" * (schema["maxLength"] + 1))
    if "minimum" in schema:
        found.append(schema["minimum"] - 1)
    if "maximum" in schema:
        found.append(schema["maximum"] + 1)
    if "pattern" in schema:
        found += ["a\0b", "  ", "a/b", "a\u202eb", *NO_TIMES]
    if schema.get("minItems"):
        found.append([])
    return found


def of_body(schema: Any, body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is wrong, and the valid body with that one fault."""
    whole = SHAPES.resolved(schema)
    yield "no_such_field", {**body, "no_such_field": 1}
    for name in whole.get("required", []):
        yield f"{name} left out", {k: v for k, v in body.items() if k != name}
    for name, one in whole.get("properties", {}).items():
        for value in of_value(one):
            yield f"{name} = {value!r:.40}", {**body, name: value}


def of_header(parameter: Any) -> Iterator[str]:
    """Yield texts that a header's schema forbids, and that HTTP can carry."""
    schema = parameter["schema"]
    if schema["type"] == "integer":
        yield from ("x", "1.5", "-1", str(schema["maximum"] + 1))
    if schema["type"] == "string":
        texts = ["x\x7f", "\t", "no-such-1", "x" * (schema.get("maxLength", 0) + 1)]
        yield from (text for text in texts if not fits(schema, text))


def of_query(parameter: Any) -> Iterator[str]:
    """Yield texts that a query parameter's schema forbids."""
    schema = SHAPES.resolved(parameter["schema"])
    kind = schema.get("type")
    yield from {"integer": NO_WHOLES, "boolean": NO_TRUTHS}.get(kind, [])
    beyond = (one for one in _beyond(schema) if not isinstance(one, list))
    yield from (str(one) for one in beyond if not fits(schema, one))
