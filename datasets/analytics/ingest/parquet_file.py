"""Parquet from elsewhere: nothing that its footer says of sizes is believed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.analytics.errors import AnalyticsError, IngestRefused, TooHeavy
from datasets.analytics.ingest.common_types import FINE_INSTANT, NOTHING, cast
from datasets.analytics.ingest.context import Context, Read, path_list
from datasets.analytics.ingest.file_types import (
    TypedFile,
    common,
    instants,
    retyped,
    would_change,
)
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.partitions import partitions_of, typed
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.ingest.union import common_names
from datasets.analytics.sql import Kind, TableColumn, quote_ident

_MAX_FOOTER_BYTES = 32 << 20
_CELL_BYTES = 8
_RATIO = 10_000
_SMALL_BYTES = 1 << 30
_TOO_LARGE = "cell-too-large"
_UNITS = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}


_DAMAGED = "The Parquet file is damaged or forged."
_LOSSY = "value-would-change-"


@dataclass(frozen=True, slots=True)
class _Footer:
    """Claims of a file's own metadata."""

    names: list[str]
    rows: int
    notes: list[str]


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Rewrite the table. Raises IngestRefused for damaged or forged Parquet.

    Columns are matched by name and get the type that holds all files' cells.
    """
    wide: dict[str, None] = {}
    plains = [_with_known_decimals(context, plain, wide) for plain in plains]
    described = [_described(context, plain.path) for plain in plains]
    rows = sum(footer.rows for footer in described)
    context.expected_rows = rows
    listed = [
        (plain.name, footer.names)
        for plain, footer in zip(plains, described, strict=True)
    ]
    originals, places = common_names(listed, union=context.options.union_by_name)
    _refuse_choices(context)
    folders = partitions_of(context, plains)
    added = [typed(context, folders.column(i)) for i in range(len(folders.keys))]
    files = [
        TypedFile(plain, _types(context, plain), place, tuple(c[i] for c in added))
        for i, (plain, place) in enumerate(zip(plains, places, strict=True))
    ]
    types = [common(files, column, name) for column, name in enumerate(originals)]
    originals += folders.keys
    names = clean_names(originals)
    texts = _settle_instants(context, files, types, names)
    _copy(context, files, types, names)
    _check_count(context, rows)
    notes = wide | dict.fromkeys(note for footer in described for note in footer.notes)
    notes |= dict.fromkeys(texts) | dict.fromkeys(retyped(files, types, names))
    return Read(names, originals, notes=list(notes))


def _settle_instants(
    context: Context, files: Sequence[TypedFile], types: list[str], names: Sequence[str]
) -> list[str]:
    """Give columns of instants in nanoseconds a type of a table; return the notes."""
    notes = []
    for column, kind in enumerate(types):
        if kind == FINE_INSTANT:
            types[column], note = instants(context, files, column, names[column])
            notes += [note] * bool(note)
    return notes


def _refuse_choices(context: Context) -> None:
    if context.options.types:
        raise IngestRefused.of_option(
            "types", "A Parquet or Arrow file has types of its own."
        )


def _types(context: Context, plain: Plain) -> list[str]:
    try:
        rows = context.cursor.rows(
            f"DESCRIBE SELECT * FROM read_parquet({path_list([plain.path])})",  # noqa: S608
            {},
        )
    except TooHeavy:
        raise
    except AnalyticsError:
        raise IngestRefused("invalid_file", _DAMAGED) from None
    return [row[1] for row in rows]


def _with_known_decimals(
    context: Context, plain: Plain, notes: dict[str, None]
) -> Plain:
    """Write decimals of more than 38 digits as text: DuckDB would read doubles."""
    _check_size(plain.path)
    try:
        footer = pq.ParquetFile(plain.path, memory_map=False)
        schema = footer.schema_arrow
        wide = [i for i, f in enumerate(schema) if pa.types.is_decimal256(f.type)]
        if not wide:
            return plain
        for place in wide:
            field = schema.field(place)
            schema = schema.set(place, field.with_type(pa.string()))
            notes[f"{field.name}: kept as text; it has more than 38 digits."] = None
        target = context.temporary / f"{plain.path.name}.decimals"
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for batch in footer.iter_batches(batch_size=8_192):
                writer.write_batch(batch.cast(schema))
    except (pa.ArrowException, OSError, ValueError):
        raise IngestRefused("invalid_file", _DAMAGED) from None
    return replace(plain, path=target)


def _described(context: Context, path: Path) -> _Footer:
    """Return the column names and the row count that the footer claims."""
    size = path.stat().st_size
    try:
        footer = pq.ParquetFile(path, memory_map=False)
        metadata, schema = footer.metadata, footer.schema_arrow
    except (pa.ArrowException, OSError, ValueError):
        raise IngestRefused("invalid_file", _DAMAGED) from None
    if not schema.names:
        raise IngestRefused("invalid_file", "The file has no columns.")
    context.check_columns(max(len(schema), metadata.num_columns))
    _check_rows(context, metadata.num_rows, len(schema), size)
    return _Footer(list(schema.names), metadata.num_rows, _notes(schema))


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(size - 8, 0))
        tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length + 12 > size:
        raise IngestRefused("invalid_file", "The Parquet file is cut off.")
    if length > _MAX_FOOTER_BYTES:
        raise IngestRefused(
            "too_many_columns", "The Parquet file describes too much of itself."
        )


def _notes(schema: pa.Schema) -> list[str]:
    """Note the conversion of an Arrow type that Parquet does not have."""
    return [
        f"{field.name}: a duration, kept as a whole number of {field.type.unit}."
        for field in schema
        if pa.types.is_duration(field.type)
    ]


def _check_rows(context: Context, rows: int, columns: int, size: int) -> None:
    if rows > context.limits.rows or rows < 0:
        raise IngestRefused(
            "too_many_rows", f"At most {context.limits.rows} rows are allowed."
        )
    unpacked = rows * columns * _CELL_BYTES
    if unpacked > max(size * _RATIO, _SMALL_BYTES):
        raise IngestRefused(
            "file_bomb",
            f"{rows} rows of {columns} columns in {size} bytes: that is refused.",
        )


def _copy(
    context: Context,
    files: Sequence[TypedFile],
    types: Sequence[str],
    names: Sequence[str],
) -> None:
    try:
        selects = _selects(context, files, types, names)
        context.copy(selects, columns=len(names))
    except TooHeavy:
        raise
    except AnalyticsError as error:
        raise _refusal(context, str(error.__context__), files, types, names) from None


def _refusal(
    context: Context,
    text: str,
    files: Sequence[TypedFile],
    types: Sequence[str],
    names: Sequence[str],
) -> IngestRefused:
    if _TOO_LARGE in text:
        return IngestRefused(
            "cell_too_large",
            f"A cell holds more than {context.limits.cell_bytes} bytes.",
        )
    if found := re.search(rf"{_LOSSY}(\d+)", text):
        column = int(found[1])
        return would_change(context, files, column, types[column], names[column])
    return IngestRefused("invalid_file", _DAMAGED)


def _selects(
    context: Context,
    files: Sequence[TypedFile],
    types: Sequence[str],
    names: Sequence[str],
) -> list[str]:
    """Return a SELECT for each run of files that are alike."""
    runs = groupby(files, key=lambda f: (f.types, f.places, f.constants))
    return [_select(context, list(run), types, names) for _, run in runs]


def _select(
    context: Context,
    files: Sequence[TypedFile],
    types: Sequence[str],
    names: Sequence[str],
) -> str:
    file = files[0]
    # By position: of columns "A" and "a", DuckDB reads A under both names.
    positions = ", ".join(f"c{index:d}" for index in range(len(file.types)))
    cells = []
    for column, (place, name) in enumerate(zip(file.places, names, strict=False)):
        kind = file.kind(column)
        if place is None or kind == NOTHING:
            cell = f"NULL::{types[column]}"
        elif kind == types[column]:
            cell = _guarded(context, TableColumn(f"c{place:d}", kind))
        else:
            cell = cast(kind, types[column]).of(f"c{place:d}", f"{_LOSSY}{column:d}")
        cells.append(f"{cell} AS {quote_ident(name)}")
    for cell, name in zip(file.constants, names[len(cells) :], strict=True):
        cells.append(f"{cell} AS {quote_ident(name)}")
    return (
        f"SELECT {', '.join(cells)} FROM"  # noqa: S608 - names are quoted
        f" read_parquet({path_list([f.plain.path for f in files])}) AS t({positions})"
    )


def _guarded(context: Context, column: TableColumn) -> str:
    name, most = quote_ident(column.name), context.limits.cell_bytes
    if column.kind is Kind.BINARY:
        size, value = f"octet_length({name}::BLOB)", name
    elif column.type == "VARCHAR":
        size, value = f"strlen({name})", name
    elif "HUGEINT" in column.type:
        return f"{name}::VARCHAR"  # Parquet has no type for it
    else:
        return name
    return f"CASE WHEN {size} > {most:d} THEN error('{_TOO_LARGE}') ELSE {value} END"


def _check_count(context: Context, claimed: int) -> None:
    (count,) = context.cursor.row(
        f"SELECT count(*) FROM read_parquet({path_list([context.folder / 'data.parquet'])})",  # noqa: S608, E501
        {},
    )
    if count != claimed:
        raise IngestRefused(
            "invalid_file", f"The file claims {claimed} rows and holds {count}."
        )
