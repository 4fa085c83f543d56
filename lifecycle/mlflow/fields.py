"""The fields of a request, read one by one as the protocol's types.

Unknown fields are ignored, as protobuf does. A number may come as text; text that
comes as a number is a mistake, told in the words the client's tests expect.
"""

import math
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from django.http import HttpRequest

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.limits import INT64

_SEE = " See the API docs for more information about request parameters."
_ABSENT: Final[tuple[None, str]] = (None, "")
_MAX_DEPTH = 64
_MAX_QUERY_FIELDS = 2000


class Fields:
    """The members of a JSON body."""

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, *, required: bool = False, default: str = "") -> str:
        """Return text; a number or a list in its place is refused."""
        value = self.values.get(name)
        if value is None or value == "":
            if required:
                raise missing(name)
            return default if value is None else ""
        if not isinstance(value, str):
            raise wrong(name, value)
        return value

    def run_id(self) -> str:
        """Return the run id under its new or its old name."""
        if self.values.get("run_id") in _ABSENT and "run_uuid" in self.values:
            return self.text("run_uuid", required=True)
        return self.text("run_id", required=True)

    def integer(self, name: str, default: int | None = None) -> int | None:
        """Return a 64-bit integer; digits as text are accepted."""
        value = self.values.get(name)
        if value is None:
            return default
        return as_integer(name, value)

    def number(self, name: str) -> float:
        """Return a float; "NaN" and "Infinity" as text are accepted."""
        value = self.values.get(name)
        if value is None or value == "":
            raise missing(name)
        return as_number(name, value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise wrong(name, value)
        return value

    def array(self, name: str, *, required: bool = False) -> list[Any]:
        value = self.values.get(name)
        if value is None:
            if required:
                raise missing(name)
            return []
        if not isinstance(value, list):
            raise wrong(name, value)
        return value

    def objects(self, name: str) -> list["Fields"]:
        """Return a list of messages."""
        items = self.array(name)
        if not all(isinstance(item, dict) for item in items):
            raise wrong(name, items)
        return [Fields(item) for item in items]

    def texts(self, name: str) -> list[str]:
        items = self.array(name)
        if not all(isinstance(item, str) for item in items):
            raise wrong(name, items)
        return items

    def limit(self, name: str, default: int, largest: int) -> int:
        """Return how many results are asked for, 1 to `largest`."""
        value = self.integer(name, default)
        if value is None or not 0 < value <= largest:
            raise InvalidValue(
                f"Invalid value {value} for parameter '{name}' supplied. It must be "
                f"a positive integer of at most {largest}.{_SEE}"
            )
        return value


class QueryFields(Fields):
    """The parameters of a query string, where everything is text or repeated."""

    __slots__ = ("_pairs",)

    def __init__(self, query: str) -> None:
        try:
            self._pairs = parse_qsl(
                query, keep_blank_values=True, max_num_fields=_MAX_QUERY_FIELDS
            )
        except ValueError:
            raise InvalidValue("The query has too many parameters.") from None
        if any("\x00" in value for _, value in self._pairs):
            raise InvalidValue("The query holds a NUL character.")
        super().__init__(dict(self._pairs))

    def array(self, name: str, *, required: bool = False) -> list[Any]:
        items = [value for known, value in self._pairs if known == name]
        if required and not items:
            raise missing(name)
        return items


def read_fields(request: HttpRequest, max_bytes: int) -> Fields:
    """Return the fields of a request: of the JSON body, for GET of the query before it.

    As MLflow's own server does: clients in use send a GET's parameters as a body.
    """
    if request.method in {"GET", "HEAD"}:
        query = request.META.get("QUERY_STRING", "")
        if query or request.content_type != "application/json":
            return QueryFields(query)
    size = request.META.get("CONTENT_LENGTH") or "0"
    if not size.isdecimal() or int(size) > max_bytes:
        raise InvalidValue(
            f"Batched logging API requests must be at most {max_bytes} bytes, got a "
            f"request of size {size}."
        )
    raw = request.read(int(size))
    if not raw:
        return Fields({})
    if request.content_type != "application/json":
        raise InvalidValue(
            "Bad Request. Content-Type must be one of ['application/json']."
        )
    return Fields(_parsed(raw))


def missing(name: str) -> InvalidValue:
    return InvalidValue(f"Missing value for required parameter '{name}'.{_SEE}")


def wrong(name: str, value: object, hint: str = "") -> InvalidValue:
    hint = hint or f" Hint: Value was of type '{type(value).__name__}'."
    return InvalidValue(
        f"Invalid value {shown(value)} for parameter '{name}' supplied: {hint}{_SEE}"
    )


def shown(value: object) -> str:
    """Return the value as JSON, cut to a length that fits a message."""
    return orjson.dumps(value, default=str).decode()[:500]


def as_integer(name: str, value: object) -> int:
    try:
        number = _whole(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong(name, value) from None
    if not -INT64 - 1 <= number <= INT64:
        raise wrong(name, value, " It does not fit 64 bits.")
    return number


def as_number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise wrong(name, value)
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise wrong(name, value) from None


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
        raise ValueError
    return int(value)


def _parsed(raw: bytes) -> dict[str, Any]:
    value = _json(raw)
    if isinstance(value, str):  # some old clients encode the body twice
        value = _json(value.encode())
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidValue("The request body must be a JSON object.")
    if b"\\u0000" in raw:
        _refuse_nul(value, 0)
    return value


def _json(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidValue(
            f"The request body is not valid JSON: {error}", code="BAD_REQUEST"
        ) from None


def _refuse_nul(value: object, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise InvalidValue("The request body is nested too deeply.")
    if isinstance(value, str) and "\x00" in value:
        raise InvalidValue("The request body holds a NUL character.")
    if isinstance(value, list):
        for item in value:
            _refuse_nul(item, depth + 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_nul(key, depth + 1)
            _refuse_nul(item, depth + 1)
