"""Rules about rows, as SQL that is true for a row that breaks the rule."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.analytics.errors import InvalidFilter, InvalidRule
from datasets.analytics.filters import (
    COMPARISONS,
    MAX_SET_VALUES,
    Clause,
    bound,
    composed,
    present,
)
from datasets.analytics.quality.rules import RuleKind, RuleSpec
from datasets.analytics.sql import NUMERIC, TEMPORAL, Kind, TableColumn, quote_ident

MAX_PATTERN = 500


@dataclass(frozen=True, slots=True)
class RowRule:
    """`broken` is true for a violation, `checked` for a row that could be one."""

    broken: str
    checked: str


def compiled(clause: Clause, rule: RuleSpec, columns: Sequence[TableColumn]) -> RowRule:
    """Return the SQL of a rule about rows. Raises InvalidRule."""
    try:
        return _COMPILERS[rule.kind](clause, rule, columns)
    except InvalidFilter as error:
        raise InvalidRule(error.message, field="parameters") from None


def _not_null(
    _clause: Clause, _rule: RuleSpec, columns: Sequence[TableColumn]
) -> RowRule:
    return RowRule(f"({present(columns[0])}) IS NULL", "true")


def _finite(
    _clause: Clause, _rule: RuleSpec, columns: Sequence[TableColumn]
) -> RowRule:
    column = columns[0]
    if column.kind is not Kind.FLOAT:
        raise InvalidRule(
            f"{column.name!r} holds no floating numbers.", field="columns"
        )
    name = quote_ident(column.name)
    return RowRule(f"NOT isfinite({name})", f"{name} IS NOT NULL")


def _range(clause: Clause, rule: RuleSpec, columns: Sequence[TableColumn]) -> RowRule:
    column = columns[0]
    if column.kind not in NUMERIC | TEMPORAL | {Kind.TIME}:
        raise InvalidRule(
            f"{column.name!r} has no order of numbers or times.", field="columns"
        )
    value = present(column)
    parts = [
        f"({value}) {sign} {bound(clause, column, rule.parameters[name])}"
        for name, sign in (("min", "<"), ("max", ">"))
        if rule.parameters.get(name) is not None
    ]
    if not parts:
        raise InvalidRule("A range needs min or max.", field="parameters")
    return RowRule(f"({' OR '.join(parts)})", f"({value}) IS NOT NULL")


def _set(clause: Clause, rule: RuleSpec, columns: Sequence[TableColumn]) -> RowRule:
    values = rule.parameters.get("values")
    if not isinstance(values, list | tuple) or not 0 < len(values) <= MAX_SET_VALUES:
        raise InvalidRule(
            f"values must list 1 to {MAX_SET_VALUES} values.", field="parameters"
        )
    column = columns[0]
    listed = ", ".join(bound(clause, column, value) for value in values)
    value = present(column)
    if column.kind is Kind.TEXT:
        value = composed(value, "".join(values))
    return RowRule(f"({value}) NOT IN ({listed})", f"({value}) IS NOT NULL")


def _regex(clause: Clause, rule: RuleSpec, columns: Sequence[TableColumn]) -> RowRule:
    pattern, column = rule.parameters.get("pattern"), columns[0]
    if column.kind is not Kind.TEXT:
        raise InvalidRule(f"{column.name!r} holds no text.", field="columns")
    if not isinstance(pattern, str) or not 0 < len(pattern) <= MAX_PATTERN:
        raise InvalidRule(
            f"pattern must hold 1 to {MAX_PATTERN} characters.", field="parameters"
        )
    value = composed(present(column))
    placeholder = clause.bind(unicodedata.normalize("NFC", pattern))
    return RowRule(
        f"NOT regexp_full_match({value}, {placeholder})", f"{value} IS NOT NULL"
    )


def _compare(
    _clause: Clause, rule: RuleSpec, columns: Sequence[TableColumn]
) -> RowRule:
    given = rule.parameters.get("operator")
    signs: dict[Any, str] = {op.value: sign for op, sign in COMPARISONS.items()}
    if given not in signs:
        raise InvalidRule(
            f"operator must be one of {', '.join(signs)}.", field="parameters"
        )
    first, second = columns
    families = {_family(first), _family(second)}
    if len(families) > 1:
        raise InvalidRule(
            f"{first.name!r} and {second.name!r} cannot be compared.", field="columns"
        )
    left, right = (f"({present(column)})" for column in columns)
    return RowRule(
        f"NOT ({_related(columns, signs[given])})",
        f"({left} IS NOT NULL AND {right} IS NOT NULL)",
    )


def _related(columns: Sequence[TableColumn], sign: str) -> str:
    """Return the comparison of two columns, by their values and not by their types.

    A FLOAT is compared as one; a whole number of 64 bits is no double: where both
    are the same double, the digits decide. Text is compared in one form of Unicode.
    """
    left, right = (f"({present(column)})" for column in columns)
    first, second = columns
    if first.kind is Kind.TEXT:
        return f"{composed(left)} {sign} {composed(right)}"
    if {first.type, second.type} == {"FLOAT", "DOUBLE"}:
        return f"{_as_float(first)} {sign} {_as_float(second)}"
    if {first.kind, second.kind} == {Kind.INTEGER, Kind.FLOAT}:
        return (
            f"CASE WHEN {left}::DOUBLE <> {right}::DOUBLE"
            f" THEN {left}::DOUBLE {sign} {right}::DOUBLE"
            f" ELSE coalesce(TRY_CAST({left} AS HUGEINT) {sign}"
            f" TRY_CAST({right} AS HUGEINT), {left} {sign} {right}) END"
        )
    return f"{left} {sign} {right}"


def _as_float(column: TableColumn) -> str:
    """Return a number as what a FLOAT holds of it; beyond its range, as it is."""
    value = f"({present(column)})"
    return f"coalesce(TRY_CAST({value} AS FLOAT)::DOUBLE, {value}::DOUBLE)"


def _family(column: TableColumn) -> str:
    if column.kind in NUMERIC:
        return "number"
    return "time" if column.kind in TEMPORAL else column.kind


_COMPILERS: dict[
    RuleKind, Callable[[Clause, RuleSpec, Sequence[TableColumn]], RowRule]
] = {
    RuleKind.NOT_NULL: _not_null,
    RuleKind.FINITE: _finite,
    RuleKind.RANGE: _range,
    RuleKind.SET: _set,
    RuleKind.REGEX: _regex,
    RuleKind.COMPARE: _compare,
}
ROW_KINDS = frozenset(_COMPILERS)
