"""The rows of a table as chunks of a file, in bounded memory."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from datasets.analytics.cells import WHOLE, Losses, records, select_list
from datasets.analytics.engine import Cursor, Engine
from datasets.analytics.export import binary_types, csv_lines, formless
from datasets.analytics.filters import Condition, compile_filter
from datasets.analytics.ordered import Selection
from datasets.analytics.sql import (
    Source,
    Table,
    pick,
    source_of,
)
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq
else:
    pa = lazy_import("pyarrow")
    pq = lazy_import("pyarrow.parquet")

CHUNK_BYTES = 256 << 10
TIMEOUT_S = 3_600.0
_GROUP_ROWS = 61_440


class ExportFormat(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class Request:
    """An export: columns (None for all) of the rows that meet all conditions.

    With `is_guarded`, a CSV prefixes text that a spreadsheet would evaluate with `'`.
    """

    format: ExportFormat
    columns: Sequence[str] | None = None
    conditions: Sequence[Condition] = ()
    is_guarded: bool = True


def stream(table: Table, request: Request) -> Iterator[bytes]:
    """Return the chunks of a file; equal requests give equal bytes.

    CSV writes missing values as nothing, `"` and line ends quoted. JSON lines hold
    values as the rows of the API do, but whole. Errors are raised here, before the
    first chunk.
    """
    selection, is_whole = _selected(table, request)
    if is_whole and request.format is ExportFormat.PARQUET:
        return _file(selection.source.paths[0])
    return _chunks(selection, request)


def guarded_cells(table: Table, request: Request) -> int:
    """Return how many cells of the CSV a guard changes, exactly."""
    selection, _ = _selected(table, request)
    with Engine.for_process().unslotted_cursor(timeout_s=TIMEOUT_S) as cursor:
        return csv_lines.count_guarded(cursor, selection)


def formless_columns(table: Table, request: Request) -> list[str]:
    """Return the columns with cells that the format has no form for.

    CSV and JSON lines are written with them, but are not read as such; Arrow has the
    column as text.
    """
    if request.format is ExportFormat.PARQUET:
        return []
    selection, _ = _selected(table, request)
    with Engine.for_process().unslotted_cursor(timeout_s=TIMEOUT_S) as cursor:
        found = formless.with_end_of_day(cursor, selection)
        if request.format is ExportFormat.CSV:
            found += formless.with_nul(cursor, selection)
    return found


def _selected(table: Table, request: Request) -> tuple[Selection, bool]:
    """Return what to write, and whether that is one whole file.

    Raises UnknownColumn or InvalidFilter.
    """
    source = source_of(table)
    with Engine.for_process().cursor() as cursor:
        found = cursor.columns(source)
        where = compile_filter(found, request.conditions)
        chosen = pick(found, request.columns, field="columns")
    is_whole = chosen == found and not where.sql and len(source.paths) == 1
    return Selection(source, chosen, where), is_whole


def _file(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _chunks(selection: Selection, request: Request) -> Iterator[bytes]:
    # A slow reader keeps a cursor for long, but no slot: it must not block questions.
    engine = Engine.for_process()
    with engine.unslotted_cursor(timeout_s=TIMEOUT_S) as cursor:
        if request.format is ExportFormat.CSV:
            is_guarded = request.is_guarded
            yield from csv_lines.write(cursor, selection, is_guarded=is_guarded)
        else:
            yield from _WRITERS[request.format](cursor, selection)


def _json_lines(cursor: Cursor, selection: Selection) -> Iterator[bytes]:
    columns = selection.columns
    for batch in selection.batches(cursor, select_list(columns, WHOLE)):
        cells = [column.to_pylist() for column in batch.columns]
        rows = records(columns, list(zip(*cells, strict=True)), Losses(WHOLE))
        yield b"".join(orjson.dumps(row) + b"\n" for row in rows)


class _Sink(io.RawIOBase):
    """A file object that passes on what is written to it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Any) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _binary(
    open_writer: "Callable[[_Sink, pa.Schema], Any]",
    texts_of: Callable[[Cursor, Selection], list[str]] = lambda *_: [],
) -> Callable[..., Iterator[bytes]]:
    def write(cursor: Cursor, selection: Selection) -> Iterator[bytes]:
        columns = selection.columns
        select = binary_types.select_list(columns, texts_of(cursor, selection))
        batches = selection.batches(cursor, select, batch_rows=_GROUP_ROWS)
        sink, writer = _Sink(), None
        for found in batches:
            batch = binary_types.typed(found, columns)
            writer = writer or open_writer(sink, batch.schema)
            writer.write_batch(batch)
            if chunk := sink.taken():
                yield chunk
        if writer is None:
            empty = _empty(cursor, selection.source, select)
            writer = open_writer(sink, binary_types.typed(empty, columns).schema)
        writer.close()
        yield sink.taken()

    return write


def _empty(cursor: Cursor, source: Source, select: str) -> "pa.RecordBatch":
    sql = f"SELECT {select} FROM {source.sql} LIMIT 0"  # noqa: S608 - names are quoted
    return pa.RecordBatch.from_pylist([], cursor.table(sql, source.parameters).schema)


def _open_parquet(sink: _Sink, schema: "pa.Schema") -> "pq.ParquetWriter":
    return pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd")


def _open_arrow(sink: _Sink, schema: "pa.Schema") -> "pa.ipc.RecordBatchStreamWriter":
    return pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema)


_WRITERS: dict[ExportFormat, Callable[..., Iterator[bytes]]] = {
    ExportFormat.JSON_LINES: _json_lines,
    ExportFormat.PARQUET: _binary(_open_parquet),
    ExportFormat.ARROW: _binary(_open_arrow, formless.with_end_of_day),
}
