"""Statistics of every column in two passes: counts in SQL, shapes in numpy.

NaN and infinities are counted and then left out, so that one bad tick does not
become the mean. Distinct counts are exact where the values were grouped and
HyperLogLog estimates (2-3 % off) elsewhere; each says which.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from datasets.analytics.cells import MAX_SAFE_INTEGER, timestamp_text
from datasets.analytics.distributions import shapes
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.figures import ColumnProfile, Profile
from datasets.analytics.frequencies import frequencies
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
    source_of,
)
from datasets.analytics.unpivot import batches, cells
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import pyarrow as pa
else:
    pa = lazy_import("pyarrow")

REVISION = 6
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
    source = source_of(table)
    with Engine.for_process(Lane.HEAVY).cursor() as cursor:
        chosen = pick(cursor.columns(source), columns, field="columns")
        drawn = source_of(sample) if sample else None
        return profile_with(cursor, source, chosen, (lambda: drawn) if drawn else None)


def profile_with(
    cursor: Cursor,
    source: Source,
    chosen: Sequence[TableColumn],
    sampled: Callable[[], Source] | None,
    blocks: "Iterable[pa.RecordBatch] | None" = None,
) -> Profile:
    """Return the statistics by a cursor that the caller holds.

    `blocks` are all rows of the table, of a caller who reads them anyway: `sampled` is
    called when all of them are read.
    """
    row_count, sums = _sums(cursor, source, chosen)
    found_shapes = shapes(cursor, source, chosen, sums, blocks)
    sample = sampled() if sampled else None
    exact = sample is None or row_count <= EXACT_QUANTILES_ROWS
    few_rows = source if exact or sample is None else sample
    found_frequencies = frequencies(cursor, source, few_rows, chosen, sums)
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
                **found_frequencies.get(column.name, {}),
                **found_shapes.get(column.name, {}),
            )
        )
    return Profile(row_count, tuple(profiles))


def _aggregates(name: str, kind: Kind, *, careful: bool = False) -> dict[str, str]:
    """Return SQL aggregates by field; never FILTER, which is slow and unbounded.

    Unless `careful`, `finite` says whether the others hold: whether there is nothing
    that is not finite, which their extremes show.
    """
    found = {"count": f"count({name})"}
    if kind in _UNCOUNTED:
        return found
    found["distinct"] = f"approx_count_distinct({name})"
    if kind in NUMERIC:
        found["zeros"] = count_where(f"{name} = 0")
    if kind is Kind.FLOAT or kind in TEMPORAL:
        return found | (_careful if careful else _quick)(name, kind)
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
    shown = "" if kind in NUMERIC else "::VARCHAR"
    return found | {"min": f"min({name}){shown}", "max": f"max({name}){shown}"}


def _quick(name: str, kind: Kind) -> dict[str, str]:
    ends = f"(isfinite(min({name})) AND isfinite(max({name})))"
    found = {"infinite": "0", "finite": f"coalesce({ends}, true)"}
    if kind is Kind.FLOAT:
        found["nan"] = "0"
    return found | _extremes(name, kind, ends)


def _careful(name: str, kind: Kind) -> dict[str, str]:
    found = {"infinite": count_where(f"NOT isfinite({name})")}
    if kind is Kind.FLOAT:
        found["nan"] = count_where(f"isnan({name})")
        found["infinite"] = count_where(f"isinf({name})")
    value = f"CASE WHEN isfinite({name}) THEN {name} END"
    return found | _extremes(value, kind, "true")


def _extremes(value: str, kind: Kind, are_finite: str) -> dict[str, str]:
    if kind is Kind.FLOAT:
        return {"min": f"min({value})", "max": f"max({value})"}
    return {
        "min": f"min({value})::VARCHAR",
        "max": f"max({value})::VARCHAR",
        "low": f"CASE WHEN {are_finite} THEN epoch(min({value})) END",
        "high": f"CASE WHEN {are_finite} THEN epoch(max({value})) END",
    }


def _sums(
    cursor: Cursor, source: Source, chosen: Sequence[TableColumn]
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the row count and the aggregates by column, in a few queries."""
    (row_count,) = cursor.row(
        f"SELECT count(*) FROM {source.sql}",  # noqa: S608 - a bound path
        source.parameters,
    )
    sums = _summed(cursor, source, chosen, row_count, careful=False)
    odd = [column for column in chosen if not sums[column.name].pop("finite", True)]
    return row_count, sums | _summed(cursor, source, odd, row_count, careful=True)


def _summed(
    cursor: Cursor,
    source: Source,
    columns: Sequence[TableColumn],
    row_count: int,
    *,
    careful: bool,
) -> dict[str, dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    single: list[TableColumn] = []
    for same in batches(columns, row_count):
        if len(same) == 1:
            single += same
        else:
            sums |= _folded_sums(cursor, source, same, careful=careful)
    for start in range(0, len(single), _COLUMNS_PER_QUERY):
        part = single[start : start + _COLUMNS_PER_QUERY]
        sums |= _wide_sums(cursor, source, part, careful=careful)
    return sums


def _wide_sums(
    cursor: Cursor, source: Source, columns: Sequence[TableColumn], *, careful: bool
) -> dict[str, dict[str, Any]]:
    wanted = [
        (column.name, field, expression)
        for column in columns
        for field, expression in _aggregates(
            quote_ident(column.name), column.kind, careful=careful
        ).items()
    ]
    values = cursor.row(
        f"SELECT {', '.join(expression for *_, expression in wanted)}"  # noqa: S608
        f" FROM {source.sql}",
        source.parameters,
    )
    sums: dict[str, dict[str, Any]] = {}
    for (name, field, _), value in zip(wanted, values, strict=True):
        sums.setdefault(name, {})[field] = value
    return sums


def _folded_sums(
    cursor: Cursor, source: Source, columns: Sequence[TableColumn], *, careful: bool
) -> dict[str, dict[str, Any]]:
    wanted = _aggregates("x", columns[0].kind, careful=careful)
    rows = cursor.rows(
        f"SELECT c, {', '.join(wanted.values())}"  # noqa: S608 - names are quoted
        f" FROM ({cells(source, columns)}) GROUP BY c",
        source.parameters,
    )
    return {
        columns[c].name: dict(zip(wanted, values, strict=True)) for c, *values in rows
    }


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
