"""Statistics of every column in two passes: counts in SQL, shapes in numpy.

NaN and infinities are counted and then left out, so that one bad tick does not
become the mean. Distinct counts are exact where the values were grouped and
HyperLogLog estimates (2-3 % off) elsewhere; each says which.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from datasets.analytics.cells import (
    INFINITIES,
    MAX_SAFE_INTEGER,
    timestamp_text,
)
from datasets.analytics.distributions import shapes
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.figures import ColumnProfile, Distinct, Profile, TopValue
from datasets.analytics.quantiles import quantiles
from datasets.analytics.sql import (
    NUMERIC,
    TEMPORAL,
    Kind,
    Source,
    Table,
    TableColumn,
    count_where,
    pick,
    quote_ident,
    source,
)

REVISION = 5
TOP_VALUES = 10
# What is rarer in a sample says nothing about the table.
LEAST_SEEN = 3
GROUPED_BELOW = 1_000
EXACT_QUANTILES_ROWS = 100_000
# A query over more columns would hold more of a row group at once.
_COLUMNS_PER_QUERY = 64
_UNCOUNTED = frozenset({Kind.NESTED, Kind.BINARY, Kind.INTERVAL})


def profile(
    table: Table, columns: Sequence[str] | None = None, *, sample: Table | None = None
) -> Profile:
    """Return the statistics of the named columns, of all for None.

    `sample` is a random sample of the table: quantiles of more than 100,000 rows
    are read from it. Without one they are computed from all rows, at a price.
    """
    place = source(table)
    with Engine.for_process(Lane.HEAVY).cursor() as cursor:
        chosen = pick(cursor.columns(place), columns, field="columns")
        return profile_with(cursor, place, chosen, source(sample) if sample else None)


def profile_with(
    cursor: Cursor,
    place: Source,
    chosen: Sequence[TableColumn],
    sampled: Source | None,
    blocks: Iterable[pa.RecordBatch] | None = None,
) -> Profile:
    """Return the statistics by a cursor that the caller holds.

    `blocks` are all rows of the table, of a caller who reads them anyway.
    """
    row_count, sums = _sums(cursor, place, chosen)
    found_shapes = shapes(cursor, place, chosen, sums, blocks)
    exact = sampled is None or row_count <= EXACT_QUANTILES_ROWS
    few_rows = place if exact or sampled is None else sampled
    found_quantiles = quantiles(cursor, few_rows, chosen, exact=exact)
    profiles = []
    for column in chosen:
        found = sums[column.name]
        profiles.append(
            ColumnProfile(
                name=column.name,
                type=column.type,
                kind=column.kind,
                nulls=row_count - found["count"],
                null_share=1 - found["count"] / row_count if row_count else 0.0,
                quantiles=found_quantiles.get(column.name),
                **_shown(column, found),
                **_values(cursor, place, few_rows, column, found),
                **found_shapes.get(column.name, {}),
            )
        )
    return Profile(row_count, tuple(profiles))


def _aggregates(column: TableColumn) -> dict[str, str]:
    """Return SQL aggregates by field; never FILTER, which is slow and unbounded."""
    name, kind = quote_ident(column.name), column.kind
    found = {"count": f"count({name})"}
    if kind in _UNCOUNTED:
        return found
    found["distinct"] = f"approx_count_distinct({name})"
    if kind in NUMERIC:
        return found | _numeric(name, kind)
    if kind in TEMPORAL:
        return found | _temporal(name)
    if kind is Kind.TEXT:
        text = f"{name}::VARCHAR"
        return found | {
            "min": f"left(min({text}), 100)",
            "max": f"left(max({text}), 100)",
            "min_length": f"min(length({text}))",
            "max_length": f"max(length({text}))",
            "mean_length": f"avg(length({text}))",
        }
    if kind is Kind.BOOLEAN:
        return found | {"mean": f"avg({name}::INTEGER)"}
    return found | {"min": f"min({name})::VARCHAR", "max": f"max({name})::VARCHAR"}


def _numeric(name: str, kind: Kind) -> dict[str, str]:
    found = {"zeros": count_where(f"{name} = 0")}
    value = name
    if kind is Kind.FLOAT:
        value = f"CASE WHEN isfinite({name}) THEN {name} END"
        found["nan"] = count_where(f"isnan({name})")
        found["infinite"] = count_where(f"isinf({name})")
    return found | {"min": f"min({value})", "max": f"max({value})"}


def _temporal(name: str) -> dict[str, str]:
    value = f"CASE WHEN isfinite({name}) THEN {name} END"
    return {
        "infinite": count_where(f"NOT isfinite({name})"),
        "min": f"min({value})::VARCHAR",
        "max": f"max({value})::VARCHAR",
        "low": f"epoch(min({value}))",
        "high": f"epoch(max({value}))",
    }


def _sums(
    cursor: Cursor, place: Source, chosen: Sequence[TableColumn]
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the row count and the aggregates by column, in a few wide queries."""
    sums: dict[str, dict[str, Any]] = {}
    row_count = 0
    for start in range(0, max(len(chosen), 1), _COLUMNS_PER_QUERY):
        wanted = [
            (column.name, field, expression)
            for column in chosen[start : start + _COLUMNS_PER_QUERY]
            for field, expression in _aggregates(column).items()
        ]
        select = ", ".join(["count(*)", *(expression for *_, expression in wanted)])
        row_count, *values = cursor.row(
            f"SELECT {select} FROM {place.sql}",  # noqa: S608 - names are quoted
            place.parameters,
        )
        for (name, field, _), value in zip(wanted, values, strict=True):
            sums.setdefault(name, {})[field] = value
    return row_count, sums


def _shown(column: TableColumn, found: dict[str, Any]) -> dict[str, Any]:
    shown = {
        field: value
        for field, value in found.items()
        if field not in {"distinct", "low", "high"}
    }
    for field in ("min", "max"):
        value = shown.get(field)
        if (column.kind is Kind.DECIMAL and value is not None) or (
            isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER
        ):
            shown[field] = str(value)
        elif column.kind is Kind.TIMESTAMP and value is not None:
            shown[field] = timestamp_text(value)
    return shown


def _values(
    cursor: Cursor,
    place: Source,
    few_rows: Source,
    column: TableColumn,
    found: dict[str, Any],
) -> dict[str, Any]:
    distinct, top = _distinct(cursor, place, column, found)
    if distinct is None or distinct.exact:
        return {"distinct": distinct, "top": top}
    top = _frequent(cursor, few_rows, column, found["count"])
    return {"distinct": distinct, "top": top, "top_exact": few_rows is place}


def _distinct(
    cursor: Cursor, place: Source, column: TableColumn, found: dict[str, Any]
) -> tuple[Distinct | None, tuple[TopValue, ...]]:
    """Group the values of a column that seems to hold few: exact, with the top ones."""
    estimate = found.get("distinct")
    if estimate is None:
        return None, ()
    if estimate >= GROUPED_BELOW:
        return Distinct(min(estimate, found["count"]), exact=False), ()
    name = quote_ident(column.name)
    grouped = cursor.rows(
        f"SELECT {_listed(column)}, count({name}) AS n FROM {place.sql}"  # noqa: S608
        f" WHERE {name} IS NOT NULL GROUP BY {name} ORDER BY n DESC, {name}",
        place.parameters,
    )
    values = [row for row in grouped if row[0] == row[0]]
    top = tuple(
        TopValue(_json_value(column, value), count, count / found["count"])
        for value, count in values[:TOP_VALUES]
    )
    return Distinct(len(values), exact=True), top


def _frequent(
    cursor: Cursor, few_rows: Source, column: TableColumn, count: int
) -> tuple[TopValue, ...]:
    """Return the values of a column of many that are frequent all the same.

    Their shares are those in `few_rows`, their counts what that makes of `count`.
    """
    if column.kind is Kind.FLOAT:
        return ()
    name = quote_ident(column.name)
    grouped = cursor.rows(
        f"SELECT {_listed(column)}, count({name}) AS n, sum(count({name})) OVER ()"  # noqa: S608
        f" FROM {few_rows.sql} WHERE {name} IS NOT NULL GROUP BY {name}"
        f" ORDER BY n DESC, {name} LIMIT {TOP_VALUES}",
        few_rows.parameters,
    )
    return tuple(
        TopValue(_json_value(column, value), round(count * seen / of), seen / int(of))
        for value, seen, of in grouped
        if seen >= LEAST_SEEN
    )


def _listed(column: TableColumn) -> str:
    """Return how a value is shown in a list, as SQL."""
    name = quote_ident(column.name)
    if column.kind is Kind.TEXT:
        return f"left({name}::VARCHAR, 100)"
    is_text = column.kind in TEMPORAL or column.kind in {Kind.TIME, Kind.DECIMAL}
    return f"{name}::VARCHAR" if is_text else name


def _json_value(column: TableColumn, value: Any) -> Any:
    if column.kind is Kind.TIMESTAMP:
        return timestamp_text(value)
    if isinstance(value, float) and value in INFINITIES:
        return INFINITIES[value]
    is_long = isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER
    return str(value) if is_long else value
