"""Facets of filtered rows: top values and histograms of columns.

Every count is exact. A column that takes too long is named, and the others answered.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets.analytics.aggregates import ORDERED, finite, left_out
from datasets.analytics.cells import Losses, records, select_list
from datasets.analytics.distributions import shapes
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.errors import InvalidParameter, QueryTimeout, TooHeavy
from datasets.analytics.figures import Histogram, TopValue
from datasets.analytics.filters import Condition, present
from datasets.analytics.search import selected
from datasets.analytics.sql import (
    NUMERIC,
    TEMPORAL,
    Kind,
    Source,
    Table,
    TableColumn,
    pick,
    quote_ident,
    single,
)

REVISION = 2
MAX_FACETS = 50
MAX_VALUES = 100
FACET_S = 3.0


@dataclass(frozen=True, slots=True)
class Facet:
    """Facet of one column in the filtered rows.

    `count` is of the rows that have a value, `nan` and `infinite` among them.
    `distinct` and the values leave NaN out, and `other_count` counts the rows of the
    values that are not listed; all three are None for kinds that have no order.
    `truncated_values` counts listed values that are cut, and end with "…".
    """

    column: str
    type: str
    kind: Kind
    count: int
    missing: int
    nan: int
    infinite: int
    distinct: int | None = None
    values: tuple[TopValue, ...] = ()
    other_count: int | None = None
    truncated_values: int = 0
    histogram: Histogram | None = None


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A column without an answer, and the code of the error."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Facets:
    """The facets in the requested order; `row_count` is that of the filtered rows."""

    row_count: int
    facets: tuple[Facet, ...]
    unfinished: tuple[Unfinished, ...]


@dataclass(frozen=True, slots=True)
class FacetOptions:
    """Columns (None for all, of up to 50), and the number of values of each."""

    columns: Sequence[str] | None = None
    top: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.top <= MAX_VALUES:
            raise InvalidParameter(
                f"top must be between 1 and {MAX_VALUES}.", field="top"
            )


def facets(
    table: Table,
    wanted: FacetOptions,
    conditions: Sequence[Condition] = (),
    text: str = "",
) -> Facets:
    """Return the facets of the rows that meet all conditions and hold the text.

    Raises UnknownColumn, InvalidFilter, InvalidParameter, QueryTimeout or Busy.
    """
    engine = Engine.for_process(Lane.SERIAL)
    with engine.cursor() as cursor:
        deadline = time.monotonic() + engine.limits.timeout_s
        columns, source = selected(cursor, single(table), conditions, text)
        chosen = pick(columns, wanted.columns, field="columns")
        if len(chosen) > MAX_FACETS:
            raise InvalidParameter(
                f"Name at most {MAX_FACETS} columns.", field="columns"
            )
        (rows,) = cursor.row(f"SELECT count(*) FROM {source.sql}", source.parameters)  # noqa: S608
        found: list[Facet] = []
        unfinished: list[Unfinished] = []
        for column in chosen:
            left_s = min(FACET_S, deadline - time.monotonic())
            with engine.unslotted_cursor(timeout_s=max(left_s, 1e-9)) as own:
                try:
                    found.append(_facet(own, source, column, wanted.top, rows))
                except (QueryTimeout, TooHeavy) as error:
                    unfinished.append(Unfinished(column.name, error.code))
    return Facets(rows, tuple(found), tuple(unfinished))


def _facet(
    cursor: Cursor, source: Source, column: TableColumn, top: int, rows: int
) -> Facet:
    name = quote_ident(column.name)
    is_watched = column.kind is Kind.FLOAT or column.kind in TEMPORAL
    nan, infinite = left_out(column) if is_watched else ("0", "0")
    counts = cursor.row(
        f"SELECT count({name}), {nan}, {infinite}{_range(column)} FROM {source.sql}",  # noqa: S608
        source.parameters,
    )
    facet = {
        "column": column.name,
        "type": column.type,
        "kind": column.kind,
        "count": counts[0],
        "missing": rows - counts[0],
        "nan": counts[1],
        "infinite": counts[2],
    }
    if len(counts) > 3:  # noqa: PLR2004 - it has a range
        ends = ("min", "max") if column.kind in NUMERIC else ("low", "high")
        sums = {column.name: dict(zip(ends, counts[3:], strict=True))}
        shape = shapes(cursor, source, [column], sums).get(column.name, {})
        facet["histogram"] = shape.get("histogram")
    if column.kind in ORDERED:
        facet |= _top(cursor, source, column, top, counts[0] - counts[1])
    return Facet(**facet)


def _range(column: TableColumn) -> str:
    if column.kind in NUMERIC:
        return f", min({finite(column)}), max({finite(column)})"
    if column.kind in TEMPORAL:
        return f", epoch(min({finite(column)})), epoch(max({finite(column)}))"
    return ""


def _top(
    cursor: Cursor, source: Source, column: TableColumn, top: int, count: int
) -> dict[str, Any]:
    """Return the most frequent values, ties in the order of the values."""
    shown = TableColumn("value", column.type)
    found = cursor.rows(
        "WITH counted AS MATERIALIZED (SELECT value, count(*) AS n FROM"  # noqa: S608
        f" (SELECT {present(column)} AS value FROM {source.sql})"
        " WHERE value IS NOT NULL GROUP BY value)"
        f" SELECT (SELECT count(*) FROM counted), n, {select_list([shown])}"
        f" FROM counted ORDER BY n DESC, counted.value LIMIT {top:d}",
        source.parameters,
    )
    losses = Losses()
    values = records([shown], [row[2:] for row in found], losses)
    listed = tuple(
        TopValue(value["value"], row[1], row[1] / count)
        for value, row in zip(values, found, strict=True)
    )
    return {
        "distinct": found[0][0] if found else 0,
        "values": listed,
        "other_count": count - sum(value.count for value in listed),
        "truncated_values": losses.truncated,
    }
