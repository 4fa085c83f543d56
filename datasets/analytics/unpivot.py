"""Unpivots wide, short tables: columns of one type below each other.

Binding expressions for 2,000 columns takes longer than reading them. Unpivoted,
columns of one type share a query that groups by the number of the column.
"""

from collections.abc import Iterator, Sequence

from datasets.analytics.sql import Source, TableColumn, quote_ident

_WIDE = 64
# In longer tables a cell more in a list costs what a bound expression does.
_SHORT = 20_000
_COLUMNS_PER_QUERY = 500


def batches(columns: Sequence[TableColumn], rows: int) -> Iterator[list[TableColumn]]:
    """Yield the columns that share a query; one by one where that is no gain."""
    if len(columns) <= _WIDE or rows > _SHORT:
        yield from ([column] for column in columns)
        return
    by_type: dict[str, list[TableColumn]] = {}
    for column in columns:
        by_type.setdefault(column.type, []).append(column)
    for same in by_type.values():
        for start in range(0, len(same), _COLUMNS_PER_QUERY):
            yield same[start : start + _COLUMNS_PER_QUERY]


def cells(source: Source, columns: Sequence[TableColumn]) -> str:
    """Return a SELECT of each cell `x` with the place `c` of its column in the list."""
    names = [quote_ident(column.name) for column in columns]
    if len(names) == 1:
        return f"SELECT 0 AS c, {names[0]} AS x FROM {source.sql}"  # noqa: S608
    numbers = ", ".join(map(str, range(len(names))))
    return (
        f"SELECT unnest([{numbers}]) AS c, unnest([{', '.join(names)}]) AS x"  # noqa: S608
        f" FROM {source.sql}"
    )
