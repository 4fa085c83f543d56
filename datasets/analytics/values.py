"""JSON values as values of a column, and the types that they are compared in."""

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from datasets.analytics.errors import InvalidFilter
from datasets.analytics.sql import Kind, TableColumn

MAX_TEXT = 10_000
MAX_DIGITS = 38
LONGEST_BIGINT = 20
_MICROSECONDS, _NANOSECONDS = 6, 9


_FRACTION = re.compile(r"[.,](\d+)")
_LARGEST_FLOAT = 3.4028234663852886e38


def sql_type(column: TableColumn, value: Any) -> str:
    if column.kind in {Kind.INTEGER, Kind.DECIMAL}:
        return _exact_type(column, value)
    if column.kind is Kind.FLOAT:
        # 0.1 as a double is no value of a FLOAT column: compare as what it holds.
        return "FLOAT" if column.type == "FLOAT" and _is_float(value) else "DOUBLE"
    return "VARCHAR" if column.kind is Kind.TEXT else column.type


def _is_float(value: float) -> bool:
    return abs(value) <= _LARGEST_FLOAT


def _exact_type(column: TableColumn, value: str) -> str:
    """Return the narrowest decimal type of the value; DOUBLE where none holds both.

    A wider scale than the value's own would leave a long integer no room, and the
    column's own type would refuse a value beyond it. DuckDB compares in a type that
    has the digits of both sides.
    """
    digits, _, fraction = value.lstrip("-").partition(".")
    whole = len(digits.lstrip("0"))
    known_whole, known_scale = _digits_of(column)
    if max(whole, known_whole) + max(len(fraction), known_scale) > MAX_DIGITS:
        return "DOUBLE"
    return f"DECIMAL({max(whole + len(fraction), 1)}, {len(fraction)})"


def _digits_of(column: TableColumn) -> tuple[int, int]:
    """Return how many digits a number of the column has before and after the point."""
    if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type):
        width, scale = int(found[1]), int(found[2])
        return width - scale, scale
    return (MAX_DIGITS if "HUGEINT" in column.type else LONGEST_BIGINT), 0


def as_value(column: TableColumn, value: Any) -> Any:
    """Return a JSON value as one that the column can be compared with.

    Raises InvalidFilter for a value of another type, NaN and infinities.
    """
    convert = _CONVERTERS.get(column.kind)
    if convert is None:
        raise InvalidFilter(
            f"A {column.kind} column cannot be compared.", field="conditions"
        )
    try:
        if column.kind is Kind.TIMESTAMP:
            return _timestamp(column, value)
        return convert(value)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        raise InvalidFilter(
            f"{column.name!r} holds {column.kind} values; {str(value)[:80]!r} is none.",
            field="conditions",
        ) from None


def _float(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(float(value)):
        raise ValueError
    return float(value)


def _exact(value: Any) -> str:
    number = Decimal(str(value))
    if isinstance(value, bool) or not number.is_finite():
        raise ValueError
    # Looked at before the digits are written out: 1e999999 is short, its text is not.
    if not -MAX_DIGITS <= number.adjusted() < MAX_DIGITS:
        raise ValueError
    text = f"{number:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text.lstrip("-0").replace(".", "")) > MAX_DIGITS:
        raise ValueError
    return text


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or "\x00" in value:
        raise ValueError
    value.encode()  # a lone surrogate is not text
    return unicodedata.normalize("NFC", value)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> str:
    return dt.date.fromisoformat(value).isoformat()


def _timestamp(column: TableColumn, value: Any) -> str:
    """Return a time as the column holds it; nothing of it may be dropped.

    Without an offset it is UTC where the column has zones. Raises InvalidFilter for
    an offset where it has none, and for digits that it has no room for.
    """
    moment = dt.datetime.fromisoformat(value)
    if moment.tzinfo is not None and "TIME ZONE" not in column.type:
        raise InvalidFilter(
            f"{column.name!r} holds times without a zone; leave out the offset.",
            field="conditions",
        )
    fraction = _FRACTION.search(value)
    digits = fraction[1].rstrip("0") if fraction else ""
    if len(digits) <= _MICROSECONDS:
        return moment.isoformat()
    if column.type != "TIMESTAMP_NS" or len(digits) > _NANOSECONDS:
        raise InvalidFilter(
            f"{column.name!r} holds no times as fine as {value[:80]!r}.",
            field="conditions",
        )
    return f"{moment.replace(microsecond=0).isoformat()}.{digits}"


def _moment(value: Any) -> Any:
    return value


def _time(value: Any) -> str:
    found = dt.time.fromisoformat(value)
    if found.tzinfo is not None:
        raise ValueError
    return found.isoformat()


_CONVERTERS: dict[Kind, Callable[[Any], Any]] = {
    Kind.INTEGER: _exact,
    Kind.DECIMAL: _exact,
    Kind.FLOAT: _float,
    Kind.TEXT: _text,
    Kind.BOOLEAN: _boolean,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _moment,
    Kind.TIME: _time,
}
