"""Rules that hold for a table today and say something about it."""

from collections.abc import Iterator

from datasets.analytics.figures import ColumnProfile, Profile
from datasets.analytics.quality.check import MAX_RULES, evaluate
from datasets.analytics.quality.rules import RuleKind, RuleSpec
from datasets.analytics.sql import NUMERIC, Kind, Table, is_called_key

MAX_SET = 10
_SHOWN_CHARACTERS = 100
_AT_LEAST_SHARE = 0.5
_ORDERED = (
    ("low", "high"),
    ("low", "open"),
    ("low", "close"),
    ("open", "high"),
    ("close", "high"),
)


def suggest(table: Table, profile: Profile) -> tuple[RuleSpec, ...]:
    """Return rules that hold for the table: each was checked on all of its rows.

    Raises QueryTimeout or Busy.
    """
    wanted = candidates(profile)[:MAX_RULES]
    report = evaluate(table, wanted)
    return tuple(result.rule for result in report.results if result.passed)


def candidates(profile: Profile) -> tuple[RuleSpec, ...]:
    """Return rules that a profile makes likely, the widest first."""
    rules = [_row_count(profile)]
    for column in profile.columns:
        rules += _of_column(column, profile.row_count)
    rules += _between_columns(profile)
    return tuple(rules)


def _row_count(profile: Profile) -> RuleSpec:
    least = max(int(profile.row_count * _AT_LEAST_SHARE), 1)
    return RuleSpec(RuleKind.ROW_COUNT, parameters={"min": least})


def _of_column(column: ColumnProfile, rows: int) -> Iterator[RuleSpec]:
    name = (column.name,)
    if rows and not column.nulls and not column.nan:
        yield RuleSpec(RuleKind.NOT_NULL, name)
    yield RuleSpec(RuleKind.TYPE, name, {"type": column.kind})
    if _seems_key(column, rows):
        yield RuleSpec(RuleKind.UNIQUE, name)
    if column.kind in NUMERIC and column.min is not None and float(column.min) >= 0:
        yield RuleSpec(RuleKind.RANGE, name, {"min": 0})
    if column.kind is Kind.TEXT and _has_few_values(column, rows):
        # A profile shows the first 100 characters of a text.
        values = sorted(str(top.value) for top in column.top)
        yield RuleSpec(RuleKind.SET, name, {"values": values})


def _has_few_values(column: ColumnProfile, rows: int) -> bool:
    if column.distinct is None or not column.distinct.exact:
        return False
    if (column.max_length or 0) >= _SHOWN_CHARACTERS:
        return False
    return 0 < column.distinct.value <= min(MAX_SET, rows // 10)


def _seems_key(column: ColumnProfile, rows: int) -> bool:
    if column.kind not in {Kind.INTEGER, Kind.TEXT} or not column.distinct:
        return False
    # HyperLogLog may be 3 % low.
    is_distinct = column.distinct.value >= rows * 0.95
    return is_distinct and column.nulls == 0 and is_called_key(column.name)


def _between_columns(profile: Profile) -> Iterator[RuleSpec]:
    """Suggest the order of prices in a bar: low <= open, close <= high."""
    numeric = {c.name.lower(): c.name for c in profile.columns if c.kind in NUMERIC}
    for less, more in _ORDERED:
        if less in numeric and more in numeric:
            pair = (numeric[less], numeric[more])
            yield RuleSpec(RuleKind.COMPARE, pair, {"operator": "le"})
