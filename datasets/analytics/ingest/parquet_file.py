"""Parquet from elsewhere: nothing that its footer says of sizes is believed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.analytics.errors import AnalyticsError, IngestRefused, TooHeavy
from datasets.analytics.ingest.context import Context, Read, path_list
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.plain import Plain
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


@dataclass(frozen=True, slots=True)
class _Footer:
    """What a file says of itself."""

    names: list[str]
    rows: int
    notes: list[str]


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Write the table anew. Raises IngestRefused for what is no honest Parquet."""
    described = [_described(context, plain.path) for plain in plains]
    originals, rows = described[0].names, sum(footer.rows for footer in described)
    for plain, footer in zip(plains, described, strict=True):
        if footer.names != originals:
            raise IngestRefused(
                "invalid_file",
                f"{plain.name!r} has other columns than {plains[0].name!r}.",
            )
    context.expected_rows = rows
    # By position: of columns "A" and "a", DuckDB reads A under both names.
    positions = [f"c{index:d}" for index in range(len(originals))]
    source = (
        f"read_parquet({path_list([plain.path for plain in plains])})"
        f" AS t({', '.join(positions)})"
    )
    names = clean_names(originals)
    _copy(context, source, names)
    _check_count(context, rows)
    return Read(names, originals, notes=described[0].notes)


def _described(context: Context, path: Path) -> _Footer:
    """Return the column names and the row count that the footer claims."""
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
    try:
        footer = pq.ParquetFile(path, memory_map=False)
        metadata, schema = footer.metadata, footer.schema_arrow
    except (pa.ArrowException, OSError, ValueError):
        raise IngestRefused(
            "invalid_file", "The Parquet file is damaged or forged."
        ) from None
    context.check_columns(max(len(schema), metadata.num_columns))
    _check_rows(context, metadata.num_rows, len(schema), size)
    return _Footer(list(schema.names), metadata.num_rows, _notes(schema))


def _notes(schema: pa.Schema) -> list[str]:
    """Say what a type of Arrow became that Parquet has not."""
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


def _copy(context: Context, source: str, names: Sequence[str]) -> None:
    try:
        described = context.cursor.rows(f"DESCRIBE SELECT * FROM {source}", {})  # noqa: S608
        select = ", ".join(
            f"{_guarded(context, TableColumn(row[0], row[1]))} AS {quote_ident(name)}"
            for row, name in zip(described, names, strict=True)
        )
        context.copy(f"SELECT {select} FROM {source}", columns=len(names))  # noqa: S608
    except TooHeavy:
        raise
    except AnalyticsError as error:
        if _TOO_LARGE in str(error.__context__):
            raise IngestRefused(
                "cell_too_large",
                f"A cell holds more than {context.limits.cell_bytes} bytes.",
            ) from None
        raise IngestRefused(
            "invalid_file", "The Parquet file is damaged or forged."
        ) from None


def _guarded(context: Context, column: TableColumn) -> str:
    name, most = quote_ident(column.name), context.limits.cell_bytes
    if column.kind is Kind.BINARY:
        size, value = f"octet_length({name}::BLOB)", name
    elif column.type == "VARCHAR":
        size, value = f"strlen({name})", name
    elif "HUGEINT" in column.type or column.type == '"NULL"':
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
