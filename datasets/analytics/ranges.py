"""Ranges that are read before numbers are summed: length, magnitude, spread."""

from collections.abc import Iterable, Sequence
from typing import Any

from datasets.analytics.aggregates import WIDEST, Ranges, exact, finite
from datasets.analytics.distances import difference_fits, is_long, literal
from datasets.analytics.engine import Cursor
from datasets.analytics.sql import (
    NUMERIC,
    Kind,
    Source,
    TableColumn,
    quote_ident,
)

# Squares and sums of larger or smaller floats leave the range of a double.
_LARGEST, _SMALLEST = 2.0**400, 2.0**-400


def ranges_of(
    cursor: Cursor,
    source: Source,
    keys: Sequence[TableColumn],
    added: Iterable[TableColumn],
) -> tuple[dict[str, Ranges], str]:
    """Return what the figures of columns need, and the table that has it.

    Exact numbers are taken off from the lowest: from that of their group, where a
    double has no room for how far all are apart. Floats that are too large or too
    small to be squared are divided by the largest of their group.
    """
    looked_at = [c for c in added if c.kind in NUMERIC and c.type not in WIDEST]
    if not looked_at:
        return {}, source.sql
    found = cursor.row(
        f"SELECT {', '.join(_extremes(column) for column in looked_at)}"  # noqa: S608
        f" FROM {source.sql}",
        source.parameters,
    )
    ranges, windows = {}, []
    longest = 1 + max(len(column.name) for column in cursor.columns(source))
    names = ", ".join(quote_ident(key.name) for key in keys)
    group = f"PARTITION BY {names}" if names else ""
    for index, column in enumerate(looked_at):
        low, high = found[2 * index : 2 * index + 2]
        name = quote_ident(f"{'_' * longest} {index:d}")
        ranges[column.name], window = _range(column, low, high, name, group)
        if window:
            windows.append(f"{window} AS {name}")
    if not windows:
        return ranges, source.sql
    return ranges, f"(SELECT *, {', '.join(windows)} FROM {source.sql})"  # noqa: S608


def _extremes(column: TableColumn) -> str:
    name = quote_ident(column.name)
    if column.kind is not Kind.FLOAT:
        return f"min({name}), max({name})"
    size = f"abs(({finite(column)})::DOUBLE)"
    return f"min(nullif({size}, 0)), max({size})"


def _range(
    column: TableColumn, low: Any, high: Any, name: str, group: str
) -> tuple[Ranges, str]:
    """Return what a column needs; with the name that it uses, a window, if any."""
    if low is None:
        return Ranges(), ""
    if column.kind is Kind.FLOAT:
        if _SMALLEST <= low <= high <= _LARGEST:
            return Ranges(), ""
        size = f"max(abs(({finite(column)})::DOUBLE)) OVER ({group})"
        # 1 where all are zero.
        return Ranges(scale=name), f"coalesce(nullif({size}, 0), 1)"
    if not difference_fits(low, high):
        return Ranges(), ""
    if is_long(high - low):
        return Ranges(lowest=name), f"min({exact(column)}) OVER ({group})"
    kind = "HUGEINT" if column.kind is Kind.INTEGER else column.type
    return Ranges(lowest=literal(low, kind)), ""
