"""Structured conditions and orders, compiled to SQL with bound parameters.

A caller names a column, an operator of a closed set and a JSON value; no text of
a caller ever becomes SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from datasets.analytics.errors import InvalidFilter, UnknownColumn
from datasets.analytics.sql import Kind, TableColumn, pick, quote_ident
from datasets.analytics.values import as_value, sql_type

MAX_CONDITIONS = 20
MAX_SET_VALUES = 1_000


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
    return f"CAST({clause.bind(plain)} AS {sql_type(column, plain)})"
