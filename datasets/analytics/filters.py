"""Structured conditions and orders, compiled to SQL with bound parameters.

A caller names a column, an operator of a closed set and a JSON value; no text of
a caller ever becomes SQL.
"""

import datetime as dt
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from datasets.analytics.errors import InvalidFilter, UnknownColumn
from datasets.analytics.sql import Kind, TableColumn, pick, quote_ident

MAX_CONDITIONS = 20
MAX_SET_VALUES = 1_000
MAX_TEXT = 10_000
MAX_DIGITS = 38
LONGEST_BIGINT = 20
_MICROSECONDS, _NANOSECONDS = 6, 9
_FRACTION = re.compile(r"[.,](\d+)")
_LARGEST_FLOAT = 3.4028234663852886e38


class Operator(StrEnum):
    EQUAL = "eq"
    NOT_EQUAL = "ne"
    LESS = "lt"
    AT_MOST = "le"
    GREATER = "gt"
    AT_LEAST = "ge"
    IN = "in"
    NOT_IN = "not_in"
    BETWEEN = "between"
    IS_NULL = "is_null"
    NOT_NULL = "not_null"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"


@dataclass(frozen=True, slots=True)
class Condition:
    """`column operator value`; all conditions of a filter must hold.

    As in SQL a missing value satisfies only `is_null`; NaN counts as missing.
    """

    column: str
    operator: Operator
    value: Any = None


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by a column; missing values come last either way."""

    column: str
    descending: bool = False


@dataclass(slots=True)
class Clause:
    """SQL text and the parameters that it names."""

    sql: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """Keep a value and return the placeholder that stands for it."""
        name = f"value_{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"


COMPARISONS = {
    Operator.EQUAL: "=",
    Operator.NOT_EQUAL: "<>",
    Operator.LESS: "<",
    Operator.AT_MOST: "<=",
    Operator.GREATER: ">",
    Operator.AT_LEAST: ">=",
}
_TEXT_FUNCTIONS = {
    Operator.CONTAINS: "contains",
    Operator.STARTS_WITH: "starts_with",
    Operator.ENDS_WITH: "ends_with",
}


def compile_filter(
    columns: Sequence[TableColumn], conditions: Sequence[Condition]
) -> Clause:
    """Return the WHERE clause (empty without conditions) and its parameters.

    Raises UnknownColumn or InvalidFilter, which carries the condition's position.
    """
    if len(conditions) > MAX_CONDITIONS:
        raise InvalidFilter(
            f"At most {MAX_CONDITIONS} conditions are allowed.", field="conditions"
        )
    clause = Clause()
    parts = []
    for position, condition in enumerate(conditions):
        try:
            column = pick(columns, [condition.column], field="conditions")[0]
            parts.append(_compile(clause, column, condition))
        except (InvalidFilter, UnknownColumn) as error:
            error.extra["position"] = position
            raise
    clause.sql = f" WHERE {' AND '.join(parts)}" if parts else ""
    return clause


def compile_order(
    columns: Sequence[TableColumn], orders: Sequence[Order], *, tie_breaker: str
) -> str:
    """Return an ORDER BY that leaves no ties, so that pages do not overlap.

    Without orders it is the tie breaker alone: a scan promises no order of its own.
    """
    parts = []
    for order in orders:
        column = pick(columns, [order.column], field="order_by")[0]
        direction = "DESC" if order.descending else "ASC"
        parts.append(f"{present(column)} {direction} NULLS LAST")
    return f" ORDER BY {', '.join([*parts, tie_breaker])}"


def present(column: TableColumn) -> str:
    """Return the column as an expression in which NaN is missing, as in the counts."""
    name = quote_ident(column.name)
    if column.kind is Kind.FLOAT:
        return f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END"
    return name


def _compile(clause: Clause, column: TableColumn, condition: Condition) -> str:
    expression, operator = present(column), condition.operator
    if operator is Operator.IS_NULL:
        return f"{expression} IS NULL"
    if operator is Operator.NOT_NULL:
        return f"{expression} IS NOT NULL"
    if operator in _TEXT_FUNCTIONS:
        return _compile_text(clause, column, condition)
    if column.kind in {Kind.NESTED, Kind.BINARY, Kind.INTERVAL}:
        raise InvalidFilter(
            f"A {column.kind} column can only be tested for missing values.",
            field="conditions",
        )
    if operator in COMPARISONS:
        value = bound(clause, column, condition.value)
        if column.kind is Kind.TEXT:
            is_whole = operator in {Operator.EQUAL, Operator.NOT_EQUAL}
            expression = composed(expression, condition.value if is_whole else None)
        return f"{expression} {COMPARISONS[operator]} {value}"
    return _compile_set(clause, column, condition)


def _compile_text(clause: Clause, column: TableColumn, condition: Condition) -> str:
    if column.kind is not Kind.TEXT or not isinstance(condition.value, str):
        raise InvalidFilter(
            f"{condition.operator} needs a text column and a text.", field="conditions"
        )
    value = bound(clause, column, condition.value)
    function = _TEXT_FUNCTIONS[condition.operator]
    cell = composed(f"{quote_ident(column.name)}::VARCHAR")
    return f"{function}({cell}, {value})"


def _compile_set(clause: Clause, column: TableColumn, condition: Condition) -> str:
    values, expression = condition.value, present(column)
    if not isinstance(values, list | tuple) or not values:
        raise InvalidFilter(
            f"{condition.operator} needs a list of values.", field="conditions"
        )
    if condition.operator is Operator.BETWEEN:
        if len(values) != 2:  # noqa: PLR2004 - a range has two ends
            raise InvalidFilter("between needs two values.", field="conditions")
        low, high = (bound(clause, column, value) for value in values)
        if column.kind is Kind.TEXT:
            expression = composed(expression)
        return f"{expression} BETWEEN {low} AND {high}"
    if len(values) > MAX_SET_VALUES:
        raise InvalidFilter(
            f"At most {MAX_SET_VALUES} values are allowed.", field="conditions"
        )
    listed = ", ".join(bound(clause, column, value) for value in values)
    if column.kind is Kind.TEXT:
        expression = composed(expression, "".join(values))
    word = "IN" if condition.operator is Operator.IN else "NOT IN"
    return f"{expression} {word} ({listed})"


def composed(expression: str, whole: str | None = None) -> str:
    """Return a text in the form of Unicode in which `bound` compares it (NFC).

    What is compared as a `whole` with ASCII alone is equal in no other form, and
    costs nothing. Parts and orders do differ: a decomposed "é" begins with an "e".
    """
    if whole is not None and whole.isascii():
        return expression
    return f"nfc_normalize({expression}::VARCHAR)"


def bound(clause: Clause, column: TableColumn, value: Any) -> str:
    """Bind a JSON value for comparison with a column; return its expression."""
    plain = as_value(column, value)
    return f"CAST({clause.bind(plain)} AS {_cast(column, plain)})"


def _cast(column: TableColumn, value: Any) -> str:
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
