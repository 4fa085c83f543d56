"""Quantiles: exact over all rows, or read from a sample and marked so."""

from collections.abc import Sequence
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

FRACTIONS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_COLUMNS_PER_QUERY = 100


def quantiles(
    cursor: Cursor, place: Source, columns: Sequence[TableColumn], *, exact: bool
) -> dict[str, Quantiles]:
    """Return quantiles by column for numbers (interpolated) and times (existing)."""
    wanted = [column for column in columns if column.kind in NUMERIC | TEMPORAL]
    found: dict[str, Quantiles] = {}
    for start in range(0, len(wanted), _COLUMNS_PER_QUERY):
        part = wanted[start : start + _COLUMNS_PER_QUERY]
        select = ", ".join(_expression(column) for column in part)
        rows, *values = cursor.row(
            f"SELECT count(*), {select} FROM {place.sql}",  # noqa: S608
            place.parameters,
        )
        for column, listed in zip(part, values, strict=True):
            if listed is not None:
                shown = [_shown(column, value) for value in listed]
                by_fraction = dict(zip(map(str, FRACTIONS), shown, strict=True))
                found[column.name] = Quantiles(by_fraction, exact, rows)
    return found


def _expression(column: TableColumn) -> str:
    name = quote_ident(column.name)
    listed = f"[{', '.join(map(str, FRACTIONS))}]"
    if column.kind in TEMPORAL:
        finite = f"CASE WHEN isfinite({name}) THEN {name} END"
        return f"quantile_disc({finite}, {listed})::VARCHAR[]"
    number = f"{name}::DOUBLE"
    if column.kind is Kind.FLOAT:
        number = f"CASE WHEN isfinite({name}) THEN {number} END"
    return f"quantile_cont({number}, {listed})"


def _shown(column: TableColumn, value: Any) -> Any:
    return timestamp_text(value) if column.kind is Kind.TIMESTAMP else value
