"""Quantiles: exact over all rows, or read from a sample and marked so."""

from collections.abc import Iterator, Sequence
from typing import Any

from datasets.analytics.cells import timestamp_text
from datasets.analytics.engine import Cursor
from datasets.analytics.figures import Quantiles
from datasets.analytics.sql import (
    NUMERIC,
    TEMPORAL,
    Kind,
    Source,
    TableColumn,
    quote_ident,
)
from datasets.analytics.unpivot import batches, cells

FRACTIONS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_COLUMNS_PER_QUERY = 100


def quantiles(
    cursor: Cursor, source: Source, columns: Sequence[TableColumn], *, exact: bool
) -> dict[str, Quantiles]:
    """Return quantiles by column for numbers (interpolated) and times (existing)."""
    wanted = [column for column in columns if column.kind in NUMERIC | TEMPORAL]
    if not wanted:
        return {}
    (rows,) = cursor.row(
        f"SELECT count(*) FROM {source.sql}",  # noqa: S608 - a bound path
        source.parameters,
    )
    found: dict[str, Quantiles] = {}
    for column, listed in _listed(cursor, source, wanted, rows):
        if listed is not None:
            shown = [_shown(column, value) for value in listed]
            by_fraction = dict(zip(map(str, FRACTIONS), shown, strict=True))
            found[column.name] = Quantiles(by_fraction, exact, rows)
    return found


def _listed(
    cursor: Cursor, source: Source, columns: Sequence[TableColumn], rows: int
) -> Iterator[tuple[TableColumn, Any]]:
    single: list[TableColumn] = []
    for same in batches(columns, rows):
        if len(same) == 1:
            single += same
            continue
        found = cursor.rows(
            f"SELECT c, {_expression('x', same[0].kind)}"  # noqa: S608
            f" FROM ({cells(source, same)}) GROUP BY c",
            source.parameters,
        )
        yield from ((same[c], listed) for c, listed in found)
    for start in range(0, len(single), _COLUMNS_PER_QUERY):
        part = single[start : start + _COLUMNS_PER_QUERY]
        select = ", ".join(_expression(quote_ident(c.name), c.kind) for c in part)
        values = cursor.row(
            f"SELECT {select} FROM {source.sql}",  # noqa: S608
            source.parameters,
        )
        yield from zip(part, values, strict=True)


def _expression(name: str, kind: Kind) -> str:
    listed = f"[{', '.join(map(str, FRACTIONS))}]"
    if kind in TEMPORAL:
        finite = f"CASE WHEN isfinite({name}) THEN {name} END"
        return f"quantile_disc({finite}, {listed})::VARCHAR[]"
    number = f"{name}::DOUBLE"
    if kind is Kind.FLOAT:
        number = f"CASE WHEN isfinite({name}) THEN {number} END"
    return f"quantile_cont({number}, {listed})"


def _shown(column: TableColumn, value: Any) -> Any:
    return timestamp_text(value) if column.kind is Kind.TIMESTAMP else value
