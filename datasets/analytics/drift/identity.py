"""Columns whose values are new in every version, so that a comparison says nothing."""

from collections.abc import Sequence

from datasets.analytics.drift.report import Excluded
from datasets.analytics.engine import Cursor
from datasets.analytics.sql import (
    Kind,
    Source,
    TableColumn,
    is_called_key,
    quote_ident,
)

# The estimate of distinct values is 2-3 % off.
_DISTINCT_SHARE = 0.9
_LEAST_ROWS = 20
_LONG_TEXT = 40
_COLUMNS_PER_QUERY = 200
_KINDS = frozenset({Kind.TEXT, Kind.INTEGER, Kind.DECIMAL})


def left_out(
    cursor: Cursor, sources: tuple[Source, Source], columns: Sequence[TableColumn]
) -> tuple[Excluded, ...]:
    """Return the columns that are nearly all distinct in both tables, and why.

    Text is an identifier, or free text where its mean length is above 40 in the
    reference; a whole number is an identifier where its values are a count without
    gaps, or where its name says so (`id`, `key`, `uuid`).
    """
    candidates = [c for c in columns if c.kind in _KINDS]
    found = []
    for start in range(0, len(candidates), _COLUMNS_PER_QUERY):
        part = candidates[start : start + _COLUMNS_PER_QUERY]
        signs = [_signs(cursor, source, part) for source in sources]
        for index, column in enumerate(part):
            first, second = signs[0][index], signs[1][index]
            if first and second:
                found.append(Excluded(column.name, first))
    return tuple(found)


def _signs(cursor: Cursor, source: Source, columns: Sequence[TableColumn]) -> list[str]:
    select = ", ".join(_figures(column) for column in columns)
    values = cursor.row(
        f"SELECT {select} FROM {source.sql}",  # noqa: S608 - names are quoted
        source.parameters,
    )
    return [
        _sign(column, *values[3 * index : 3 * index + 3])
        for index, column in enumerate(columns)
    ]


def _figures(column: TableColumn) -> str:
    """Return count, distinct values (an estimate), and length or span, as SQL."""
    name = quote_ident(column.name)
    third = f"max({name})::HUGEINT - min({name})::HUGEINT + 1"
    if column.kind is Kind.DECIMAL:
        third = "0"
    elif column.kind is Kind.TEXT:
        third = f"avg(length({name}::VARCHAR))"
    return f"count({name}), approx_count_distinct({name}), {third}"


def _sign(column: TableColumn, count: int, distinct: int, third: float | None) -> str:
    if count < _LEAST_ROWS or distinct < _DISTINCT_SHARE * count or third is None:
        return ""
    if column.kind is not Kind.TEXT:
        is_key = third == count or is_called_key(column.name)
        return "identifier" if is_key else ""
    return "free_text" if third > _LONG_TEXT else "identifier"
