"""Rows in the order of the file, whatever DuckDB makes of the query.

The order of a scan is no promise: a list of five values becomes a hash join, and
joins run in parallel. Every stretch of rows is therefore sorted by position, so
that memory stays bounded and the same question gives the same bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from datasets.analytics.engine import Cursor, Engine
from datasets.analytics.filters import Clause, Condition, compile_filter
from datasets.analytics.sql import ROW_NUMBER, Source, Table, TableColumn, source_of
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import pyarrow as pa
else:
    pa = lazy_import("pyarrow")

BATCH_ROWS = 4_096
_STRETCH_ROWS = 245_760
_STRETCH_CELLS = 12_288_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Columns of the rows that meet a clause; several files follow one another."""

    source: Source
    columns: Sequence[TableColumn]
    where: Clause = field(default_factory=Clause)

    def batches(
        self, cursor: Cursor, select: str, *, batch_rows: int = BATCH_ROWS
    ) -> "Iterator[pa.RecordBatch]":
        """Stream a SELECT list over the rows in the order of the file."""
        fitting = _STRETCH_CELLS // max(len(self.columns), 1)
        rows = max(min(_STRETCH_ROWS, fitting), batch_rows)
        for path in self.source.paths:
            file = Source((path,))
            for start in range(0, _count(cursor, file), rows):
                stretch = within(self.where, start, start + rows - 1)
                yield from cursor.batches(
                    f"SELECT {select} FROM {file.numbered_sql}{stretch.sql}"  # noqa: S608
                    f" ORDER BY {ROW_NUMBER}",
                    file.parameters | stretch.parameters,
                    batch_rows=batch_rows,
                )


def filtered(table: Table, conditions: Sequence[Condition]) -> Source:
    """Return the table's rows that meet all conditions, as a table.

    Raises UnknownColumn or InvalidFilter.
    """
    source = source_of(table)
    with Engine.for_process().cursor() as cursor:
        where = compile_filter(cursor.columns(source), conditions)
    return replace(source, where=where.sql, values=where.parameters)


def within(where: Clause, first: int, last: int) -> Clause:
    """Return the clause for rows at the positions first to last, both included."""
    bounds = f"{ROW_NUMBER} BETWEEN {first:d} AND {last:d}"
    sql = f"{where.sql} AND {bounds}" if where.sql else f" WHERE {bounds}"
    return Clause(sql, where.parameters)


def _count(cursor: Cursor, file: Source) -> int:
    (count,) = cursor.row(f"SELECT count(*) FROM {file.sql}", file.parameters)  # noqa: S608
    return int(count)
