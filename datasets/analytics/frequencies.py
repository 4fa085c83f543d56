"""Distinct counts and most frequent values of columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from datasets.analytics.cells import INFINITIES, MAX_SAFE_INTEGER, timestamp_text
from datasets.analytics.engine import Cursor
from datasets.analytics.figures import Distinct, TopValue
from datasets.analytics.sql import TEMPORAL, Kind, Source, TableColumn
from datasets.analytics.unpivot import batches, cells

TOP_VALUES = 10
# What is rarer in a sample says nothing about the table.
LEAST_SEEN = 3
GROUPED_BELOW = 1_000

_Row = tuple[Any, int, int, int]
"""A value as it is shown, its count, how many rows and how many different values
its column has."""


def frequencies(
    cursor: Cursor,
    source: Source,
    few_rows: Source,
    columns: Sequence[TableColumn],
    sums: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Return `distinct`, `top` and `top_exact` by column, of `sums` of all of them.

    Values of a column that seems to hold few are counted in all rows; those of the
    others in `few_rows`, whose shares are taken for the table's.
    """
    counted = [column for column in columns if "distinct" in sums[column.name]]
    few = [c for c in counted if sums[c.name]["distinct"] < GROUPED_BELOW]
    many = [c for c in counted if sums[c.name]["distinct"] >= GROUPED_BELOW]
    found: dict[str, dict[str, Any]] = {}
    for column, rows in _grouped(cursor, source, few):
        count = sums[column.name]["count"]
        top = tuple(TopValue(value, n, n / count) for value, n, *_ in rows)
        distinct = Distinct(rows[0][3] if rows else 0, exact=True)
        found[column.name] = {"distinct": distinct, "top": top}
    for column in many:
        count = sums[column.name]["count"]
        distinct = Distinct(min(sums[column.name]["distinct"], count), exact=False)
        exact = few_rows is source
        found[column.name] = {"distinct": distinct, "top": (), "top_exact": exact}
    # Among many fractions none is frequent.
    listed = [column for column in many if column.kind is not Kind.FLOAT]
    for column, rows in _grouped(cursor, few_rows, listed):
        count = sums[column.name]["count"]
        found[column.name]["top"] = tuple(
            TopValue(value, round(count * seen / of), seen / of)
            for value, seen, of, _ in rows
            if seen >= LEAST_SEEN
        )
    return found


def _grouped(
    cursor: Cursor, source: Source, columns: Sequence[TableColumn]
) -> Iterator[tuple[TableColumn, list[_Row]]]:
    """Yield the most frequent values of each column, NaN left out."""
    (row_count,) = cursor.row(
        f"SELECT count(*) FROM {source.sql}",  # noqa: S608 - a bound path
        source.parameters,
    )
    for same in batches(columns, row_count):
        number = "AND NOT isnan(x)" if same[0].kind is Kind.FLOAT else ""
        rows = cursor.rows(
            f"SELECT c, {_listed(same[0], 'x')}, n, rows, different FROM"  # noqa: S608
            " (SELECT c, x, n, sum(n) OVER of_column AS rows,"
            " count(*) OVER of_column AS different,"
            " row_number() OVER (PARTITION BY c ORDER BY n DESC, x) AS rank"
            f" FROM (SELECT c, x, count(*) AS n FROM ({cells(source, same)})"
            f" WHERE x IS NOT NULL {number} GROUP BY c, x)"
            " WINDOW of_column AS (PARTITION BY c))"
            f" WHERE rank <= {TOP_VALUES:d} ORDER BY c, rank",
            source.parameters,
        )
        found: list[list[_Row]] = [[] for _ in same]
        for c, value, count, of, different in rows:
            shown = _json_value(same[c], value)
            found[c].append((shown, count, int(of), different))
        yield from zip(same, found, strict=True)


def _listed(column: TableColumn, cell: str) -> str:
    """Return how a value is shown in a list, as SQL."""
    if column.kind is Kind.TEXT:
        return f"left({cell}::VARCHAR, 100)"
    is_text = column.kind in TEMPORAL or column.kind in {Kind.TIME, Kind.DECIMAL}
    return f"{cell}::VARCHAR" if is_text else cell


def _json_value(column: TableColumn, value: Any) -> Any:
    if column.kind is Kind.TIMESTAMP:
        return timestamp_text(value)
    if isinstance(value, float) and value in INFINITIES:
        return INFINITIES[value]
    is_long = isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER
    return str(value) if is_long else value
