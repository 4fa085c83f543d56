"""The live sample: rows that clients sent to a deployment, kept as Parquet.

Gateways keep a share of the infer requests that were answered with 200 (a rule of
the environment, nothing by default), below the data folder of their machine, and the
worker turns them into files of the byte store:

    samples/spool/{gateway}-{starts_at}.jsonl         requests, until they are read
    samples/{deployment}/{starts_at}-{gateway}.parquet    rows of ten minutes

A file has a column for each feature, named as the model names them (the columns of
a wide input, else `input_0`, `input_1`, …; a narrow input's own name), as text,
truth values, 64-bit whole or floating-point numbers, just as they were sent, and
`SAMPLED_AT`. What belongs to which times is in the names; old files are deleted by
age and size. Only inputs are kept: no ids, parameters, keys or addresses.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.conf import settings

from deployments.errors import NothingSampled
from deployments.serving.gateway.sampler import PERIOD_S
from mlops.core.blobs import Blob
from mlops.core.byte_store import byte_store
from mlops.core.ids import as_uuid
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
else:
    pa = lazy_import("pyarrow")
    pc = lazy_import("pyarrow.compute")
    pq = lazy_import("pyarrow.parquet")

PREFIX = "samples/"
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


def parts(deployment_id: UUID | str, since: datetime, until: datetime) -> list[str]:
    """Return keys of the files that may hold rows of the window, the oldest first."""
    first, last = since.timestamp() - PERIOD_S, until.timestamp()
    found = byte_store().listing(prefix_of(deployment_id))
    return [blob.key for blob in found if first < starts_at(blob.key) < last]


def store(deployment_id: UUID | str, rows: "pa.Table", name: str) -> str:
    """Write rows as the file `{starts_at}-{gateway}`, replacing it as a whole.

    Returns its key. It is not synced: what a power cut takes was only a sample.
    """
    key = f"{prefix_of(deployment_id)}{name}.parquet"
    part = root() / "work" / f".{uuid4().hex}"
    part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        pq.write_table(rows, part, compression="zstd")
        part.chmod(0o600)
        byte_store().adopt(key, part, is_lasting=False)
    finally:
        part.unlink(missing_ok=True)
    return key


def by_deployment() -> dict[UUID, list[Blob]]:
    """Return all files, the oldest first, of each deployment that has any."""
    found: dict[UUID, list[Blob]] = {}
    for blob in byte_store().listing(PREFIX):
        owner = as_uuid(blob.key.removeprefix(PREFIX).partition("/")[0])
        if owner is not None:
            found.setdefault(owner, []).append(blob)
    return found


def root() -> Path:
    """Return the folder of this machine for what is not in the store yet."""
    return Path(settings.DATA_DIR) / "samples"


def spool() -> Path:
    return root() / "spool"


def prefix_of(deployment_id: UUID | str) -> str:
    return f"{PREFIX}{UUID(str(deployment_id))}/"


def starts_at(key: str) -> int:
    """Return when a file's period begins, in seconds since 1970."""
    first = key.rpartition("/")[2].partition("-")[0]
    return int(first) if first.isascii() and first.isdigit() else 0


def _gather(
    files: list[str], since: datetime, until: datetime, path: Path
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


def _within(file: str, since: datetime, until: datetime) -> "pa.Table | None":
    """Return a file's rows of the window, None if there are none."""
    try:
        table = pq.read_table(byte_store().local(file), memory_map=False)
    except FileNotFoundError:
        return None  # its time was over
    at = table[SAMPLED_AT]
    chosen = pc.and_(
        pc.greater_equal(at, pa.scalar(since, at.type)),
        pc.less(at, pa.scalar(until, at.type)),
    )
    table = table.filter(chosen)
    return table if table.num_rows else None


def _ends(table: "pa.Table") -> list[datetime]:
    found = pc.min_max(table[SAMPLED_AT]).as_py()
    return [found[end].astimezone(UTC) for end in ("min", "max")]
