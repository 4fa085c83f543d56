"""The live sample: rows that clients sent to a deployment, kept as Parquet.

Gateways keep a share of the infer requests that were answered with 200 (a rule of
the environment, nothing by default) and the worker turns them into files:

    samples/spool/{gateway}-{starts_at}.jsonl         requests, until they are read
    samples/{deployment}/{starts_at}-{gateway}.parquet    rows of ten minutes

A file has a column for each feature, named as the model names them (the columns of
a wide input, else `input_0`, `input_1`, …; a narrow input's own name), as text,
truth values, 64-bit whole or floating-point numbers, just as they were sent, and
`SAMPLED_AT`. What belongs to which times is in the names; old files are deleted by
age and size. Only inputs are kept: no ids, parameters, keys or addresses.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from django.conf import settings

from deployments.errors import NothingSampled
from deployments.serving.gateway.sampler import PERIOD_S

SAMPLED_AT = "__sampled_at"


@dataclass(frozen=True, slots=True)
class LiveSample:
    """Rows of a window as one Parquet file with the model's columns alone.

    `first_at` and `last_at` are when the first and the last row were sent.
    """

    path: Path
    row_count: int
    columns: tuple[str, ...]
    first_at: datetime
    last_at: datetime


@contextmanager
def live_sample(
    deployment_id: UUID | str, since: datetime, until: datetime
) -> Iterator[LiveSample]:
    """Give the rows sent within [since, until); the file goes with the block.

    Raises NothingSampled when there are none.
    """
    with tempfile.TemporaryDirectory(prefix="sample-") as folder:
        path = Path(folder) / "sample.parquet"
        yield _gather(parts(deployment_id, since, until), since, until, path)


def parts(deployment_id: UUID | str, since: datetime, until: datetime) -> list[Path]:
    """Return the files that may hold rows of the window, the oldest first."""
    first, last = since.timestamp() - PERIOD_S, until.timestamp()
    found = folder_of(deployment_id).glob("*.parquet")
    return sorted(path for path in found if first < starts_at(path) < last)


def store(deployment_id: UUID | str, rows: pa.Table, name: str) -> Path:
    """Write rows as the file `{starts_at}-{gateway}`, replacing it as a whole."""
    folder = folder_of(deployment_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path, part = folder / f"{name}.parquet", folder / f".{name}.{os.getpid()}"
    try:
        pq.write_table(rows, part, compression="zstd")
        part.chmod(0o600)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def root() -> Path:
    return Path(settings.DATA_DIR) / "samples"


def spool() -> Path:
    return root() / "spool"


def folder_of(deployment_id: UUID | str) -> Path:
    return root() / str(UUID(str(deployment_id)))


def starts_at(path: Path) -> int:
    """Return when a file's period begins, in seconds since 1970."""
    first = path.stem.partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else 0


def _gather(
    files: list[Path], since: datetime, until: datetime, path: Path
) -> LiveSample:
    """Copy the rows of the window into one file, a part in memory at a time."""
    writer: pq.ParquetWriter | None = None
    rows, times = 0, []
    try:
        for file in files:
            table = _within(file, since, until)
            if table is None:
                continue
            times += _ends(table)
            kept = table.drop_columns([SAMPLED_AT])
            writer = writer or pq.ParquetWriter(path, kept.schema)
            writer.write_table(kept.cast(writer.schema))
            rows += kept.num_rows
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise NothingSampled(
            "No request of this time was kept. Which share is kept is a rule of the "
            "environment; rows are there within a minute."
        )
    names = tuple(writer.schema.names)
    return LiveSample(path, rows, names, min(times), max(times))


def _within(file: Path, since: datetime, until: datetime) -> pa.Table | None:
    """Return a file's rows of the window, None if there are none."""
    try:
        table = pq.read_table(file, memory_map=False)
    except FileNotFoundError:
        return None  # its time was over
    at = table[SAMPLED_AT]
    chosen = pc.and_(
        pc.greater_equal(at, pa.scalar(since, at.type)),
        pc.less(at, pa.scalar(until, at.type)),
    )
    table = table.filter(chosen)
    return table if table.num_rows else None


def _ends(table: pa.Table) -> list[datetime]:
    found = pc.min_max(table[SAMPLED_AT]).as_py()
    return [found[end].astimezone(UTC) for end in ("min", "max")]
