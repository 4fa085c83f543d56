"""Random rows of a table, drawn while all of it is read for something else."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.analytics.engine import Cursor
from datasets.analytics.sql import ROW_NUMBER, Source, TableColumn, quote_literal

SAMPLE_ROWS = 10_000


class Sampling:
    """Sampling without replacement: as many rows always give the same positions.

    Rows whose positions have the smallest hashes are drawn; all rows of a small table.
    """

    def __init__(self, cursor: Cursor, place: Source, rows: int) -> None:
        self._cursor = cursor
        self._data = place.paths[0]
        self._rows = rows
        found = cursor.rows(
            "SELECT i FROM range($rows) t(i) ORDER BY hash(i) LIMIT $most",
            {"rows": rows, "most": SAMPLE_ROWS},
        )
        self._places = np.sort(np.array([place for (place,) in found], np.int64))
        self._taken: list[pa.RecordBatch] = []

    def watched(self, blocks: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield the blocks of the table in their order, and keep the rows drawn."""
        start = 0
        for block in blocks:
            end = start + block.num_rows
            first, last = np.searchsorted(self._places, (start, end))
            if self._rows > SAMPLE_ROWS and first < last:
                drawn = self._places[first:last] - start
                self._taken.append(block.take(pa.array(drawn)))
            start = end
            yield block

    def write(self, target: Path, columns: Sequence[TableColumn]) -> None:
        """Write the rows that were drawn, all blocks having been watched."""
        if self._rows <= SAMPLE_ROWS:
            shutil.copyfile(self._data, target)
        else:
            pq.write_table(
                pa.Table.from_batches(self._taken),
                target,
                compression="zstd",
                store_schema=False,
            )
            if self._cursor.columns(Source((target,))) != list(columns):
                self._copy(target)
        target.chmod(0o444)

    def _copy(self, target: Path) -> None:
        """Sample rows in DuckDB: not all of its types come back from Arrow."""
        last = f"SELECT max(hash(i)) FROM (SELECT unnest({self._places.tolist()}) AS i)"  # noqa: S608
        (cut,) = self._cursor.row(last, {})
        path = quote_literal(str(self._data))
        self._cursor.rows(
            f"COPY (SELECT * EXCLUDE ({ROW_NUMBER}) FROM"  # noqa: S608 - literals
            f" read_parquet({path}, {ROW_NUMBER}=true)"
            f" WHERE hash({ROW_NUMBER}) <= {cut:d})"
            f" TO {quote_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)",
            {},
        )
