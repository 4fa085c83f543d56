"""Values of attributes between three forms: protobuf's, its JSON, and Python's.

The JSON is that of `opentelemetry.proto.common.v1.AnyValue`:
https://protobuf.dev/programming-guides/json/
"""

import base64
import math
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Message = dict[str, Any]

_MAX_DEPTH: Final = 64
_INT64: Final = 2**63
_SPECIAL: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class TooDeep(Exception):
    """A value is nested deeper than anything that is traced."""


def attributes_of(pairs: Any) -> list[Message]:
    """Return protobuf's attributes as JSON messages; its parser bounds their depth."""
    return [_pair(pair) for pair in pairs]


def attribute(key: str, value: Any) -> Message:
    """Return an attribute of a Python value. Raises TooDeep."""
    return {"key": key, "value": from_python(value)}


def find(attributes: list[Message], key: str) -> Any:
    """Return an attribute's value in Python's form, None where there is none."""
    for pair in attributes:
        if pair["key"] == key:
            return to_python(pair.get("value", {}))
    return None


def from_python(value: Any, depth: int = 0) -> Message:
    """Return the JSON of a value that JSON text can hold. Raises TooDeep."""
    if depth > _MAX_DEPTH:
        raise TooDeep
    match value:
        case list():
            items = [from_python(item, depth + 1) for item in value]
            return {"array_value": {"values": items}}
        case dict():
            pairs = [
                {"key": str(key), "value": from_python(item, depth + 1)}
                for key, item in value.items()
            ]
            return {"kvlist_value": {"values": pairs}}
    return _scalar(value)


def to_python(value: Message) -> Any:
    """Return the value of a JSON message."""
    for kind, inner in value.items():
        match kind:
            case "array_value":
                return [to_python(item) for item in inner.get("values", [])]
            case "kvlist_value":
                pairs = inner.get("values", [])
                return {pair["key"]: to_python(pair.get("value", {})) for pair in pairs}
            case "double_value":
                return _SPECIAL.get(inner, inner) if isinstance(inner, str) else inner
            case _:
                return inner
    return None


def _pair(pair: KeyValue) -> Message:
    return {"key": pair.key, "value": _message(pair.value)}


def _message(value: AnyValue) -> Message:
    match value.WhichOneof("value"):
        case "array_value":
            items = [_message(item) for item in value.array_value.values]
            return {"array_value": {"values": items}}
        case "kvlist_value":
            pairs = [_pair(pair) for pair in value.kvlist_value.values]
            return {"kvlist_value": {"values": pairs}}
        case "double_value":
            return {"double_value": _double(value.double_value)}
        case "bytes_value":
            return {"bytes_value": base64.b64encode(value.bytes_value).decode()}
        case None:
            return {}
        case kind:
            return {kind: getattr(value, kind)}


def _scalar(value: Any) -> Message:
    match value:
        case None:
            return {}
        case bool():
            return {"bool_value": value}
        case int() if -_INT64 <= value < _INT64:
            return {"int_value": value}
        case int() | float():
            return {"double_value": _double(_as_float(value))}
    return {"string_value": str(value)}


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.copysign(math.inf, value)


def _double(value: float) -> float | str:
    """Return the number, or its name where JSON has none."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
