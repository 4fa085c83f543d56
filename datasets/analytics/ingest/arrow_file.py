"""Arrow IPC, as file or stream: checked batch by batch, then read as Parquet."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest import parquet_file
from datasets.analytics.ingest.context import Context, Read
from datasets.analytics.ingest.plain import Format, Plain

_MAX_BATCH_BYTES = 512 << 20


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Write the table. Raises IngestRefused for a damaged or forged file."""
    converted = [
        replace(plain, path=_as_parquet(context, plain, index), format=Format.PARQUET)
        for index, plain in enumerate(plains)
    ]
    return parquet_file.read(context, converted)


def _as_parquet(context: Context, plain: Plain, index: int) -> Path:
    target = context.temporary / f"arrow_{index:d}.parquet"
    try:
        with _batches(plain.path) as (schema, batches):
            context.check_columns(len(schema))
            flat = pa.schema([_plain_field(field) for field in schema])
            with _writer(target, flat) as writer:
                for batch in batches:
                    # Offsets of a forged batch point anywhere: look at each.
                    batch.validate(full=True)
                    if batch.nbytes > _MAX_BATCH_BYTES:
                        raise IngestRefused(
                            "too_heavy", "A batch of the file is too large."
                        )
                    columns = [
                        column.cast(field.type)
                        for column, field in zip(batch.columns, flat, strict=True)
                    ]
                    writer.write_batch(pa.record_batch(columns, schema=flat))
                    context.bytes_read += batch.nbytes
    except (pa.ArrowException, OSError, ValueError, TypeError):
        raise IngestRefused(
            "invalid_file", "The Arrow file is damaged or of an unknown kind."
        ) from None
    return target


def _writer(target: Path, schema: pa.Schema) -> pq.ParquetWriter:
    try:
        return pq.ParquetWriter(target, schema, compression="zstd")
    except (pa.ArrowException, OSError):
        unknown = next((field for field in schema if not _is_known(field)), None)
        if unknown is None:
            raise
    raise IngestRefused(
        "invalid_file",
        f"Column {unknown.name!r} is of a type that is not read: {unknown.type}.",
    )


def _is_known(field: pa.Field) -> bool:
    try:
        pq.ParquetWriter(pa.BufferOutputStream(), pa.schema([field])).close()
    except (pa.ArrowException, OSError):
        return False
    return True


@contextmanager
def _batches(
    path: Path,
) -> Iterator[tuple[pa.Schema, Iterator[pa.RecordBatch]]]:
    with path.open("rb") as raw:
        is_file = raw.read(6) == b"ARROW1"
    with pa.OSFile(str(path), "rb") as file:
        if is_file:
            reader = pa.ipc.open_file(file)
            numbers = range(reader.num_record_batches)
            yield reader.schema, (reader.get_batch(number) for number in numbers)
        else:
            stream = pa.ipc.open_stream(file)
            yield stream.schema, iter(stream)


def _plain_field(field: pa.Field) -> pa.Field:
    kind = field.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.field(field.name, kind)
