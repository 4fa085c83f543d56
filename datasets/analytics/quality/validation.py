"""Validates a rule against a table: its columns, its parameters, their values."""

from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from datasets.analytics.engine import Engine
from datasets.analytics.errors import InvalidRule, QueryFailed
from datasets.analytics.filters import Clause, bound
from datasets.analytics.quality.conditions import ROW_KINDS, compiled
from datasets.analytics.quality.rules import KINDS, RuleKind, RuleSpec
from datasets.analytics.sql import TEMPORAL, TableColumn, pick

_MAX_HOURS = 1e9


def validate(rule: RuleSpec, columns: Sequence[TableColumn]) -> None:
    """Raise InvalidRule or UnknownColumn unless the rule fits a table of columns."""
    chosen = applicable(rule, columns)
    _check_order(rule, chosen)
    if rule.kind is RuleKind.REGEX:
        _check_pattern(rule.parameters["pattern"])


def _check_order(rule: RuleSpec, chosen: Sequence[TableColumn]) -> None:
    """Raise InvalidRule for bounds between which nothing can lie.

    The bounds of a column are compared as its values are: dates and times too.
    """
    low, high = rule.parameters.get("min"), rule.parameters.get("max")
    if low is None or high is None:
        return
    is_reversed = _is_above(chosen[0], low, high) if chosen else low > high
    if is_reversed:
        raise InvalidRule("min must not be above max.", field="parameters")


def _is_above(column: TableColumn, low: Any, high: Any) -> bool:
    clause = Clause()
    first, second = (bound(clause, column, value) for value in (low, high))
    with Engine.for_process().cursor() as cursor:
        found = cursor.row(f"SELECT {first} > {second}", clause.parameters)
    return bool(found[0])


def _check_pattern(pattern: str) -> None:
    """Compile the pattern in DuckDB: RE2 supports less than Python's `re`."""
    try:
        with Engine.for_process().cursor() as cursor:
            cursor.row("SELECT regexp_full_match('', $pattern)", {"pattern": pattern})
    except QueryFailed:
        raise InvalidRule("The pattern is not valid.", field="parameters") from None


def applicable(rule: RuleSpec, columns: Sequence[TableColumn]) -> list[TableColumn]:
    """Return the rule's columns. Raises InvalidRule or UnknownColumn."""
    _check_shape(rule)
    chosen = pick(columns, rule.columns, field="columns")
    if rule.kind in ROW_KINDS:
        compiled(Clause(), rule, chosen)
    _check_mostly(rule)
    check = _VALUES.get(rule.kind)
    if check is not None:
        check(rule, chosen)
    return chosen


def _check_shape(rule: RuleSpec) -> None:
    described = KINDS[rule.kind]
    if not described.least_columns <= len(rule.columns) <= described.most_columns:
        raise InvalidRule(
            f"{rule.kind} takes {described.least_columns} to {described.most_columns}"
            " columns.",
            field="columns",
        )
    known = [parameter.name for parameter in described.parameters]
    listed = " and ".join(known) or "nothing"
    for name in rule.parameters:
        if name not in known:
            raise InvalidRule(
                f"{rule.kind} takes no {name!r}, but {listed}.", field="parameters"
            )
    for parameter in described.parameters:
        if parameter.required and parameter.name not in rule.parameters:
            raise InvalidRule(
                f"{rule.kind} needs {parameter.name!r}.", field="parameters"
            )


def _check_mostly(rule: RuleSpec) -> None:
    share = rule.parameters.get("mostly", 1)
    if not _is_number(share) or not 0 <= share <= 1:
        raise InvalidRule("mostly must be between 0 and 1.", field="parameters")
    if {"mostly", "max_share"} <= set(rule.parameters):
        raise InvalidRule("Give mostly or max_share, not both.", field="parameters")


def _check_share(rule: RuleSpec, _chosen: Sequence[TableColumn]) -> None:
    share = rule.parameters.get("max_share", 0)
    if not _is_number(share) or not 0 <= share <= 1:
        raise InvalidRule("max_share must be between 0 and 1.", field="parameters")


def _check_row_count(rule: RuleSpec, _chosen: Sequence[TableColumn]) -> None:
    limits = [rule.parameters.get(name) for name in ("min", "max")]
    given = [limit for limit in limits if limit is not None]
    if not given or not all(_is_whole(limit) for limit in given):
        raise InvalidRule("min or max must be a number of rows.", field="parameters")


def _check_freshness(rule: RuleSpec, chosen: Sequence[TableColumn]) -> None:
    hours = rule.parameters["max_age_hours"]
    if not _is_number(hours) or not 0 < hours < _MAX_HOURS:
        raise InvalidRule("max_age_hours must be positive.", field="parameters")
    if chosen[0].kind not in TEMPORAL:
        raise InvalidRule(f"{chosen[0].name!r} holds no times.", field="columns")


def _check_texts(rule: RuleSpec, _chosen: Sequence[TableColumn]) -> None:
    for name, value in rule.parameters.items():
        if name != "mostly" and not isinstance(value, str):
            raise InvalidRule(f"{name} must be a text.", field="parameters")


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_VALUES: dict[RuleKind, Callable[[RuleSpec, Sequence[TableColumn]], None]] = {
    RuleKind.NOT_NULL: _check_share,
    RuleKind.ROW_COUNT: _check_row_count,
    RuleKind.FRESHNESS: _check_freshness,
    RuleKind.TYPE: _check_texts,
    RuleKind.FOREIGN_KEY: _check_texts,
}
