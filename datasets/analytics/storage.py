"""Tables in an S3-compatible store: fetched once by digest, or read in parts there.

Two ways past one machine. `fetch` brings a version to the local disk under its
digest; every question then runs as at home, inside the sandbox. `remote_partitions`
cuts a table into runs of row groups whose co-moments add up: any engine that can map
a function over a list (threads here, Ray or Spark elsewhere) computes them where the
data is, reading only the columns asked for. DuckDB's httpfs extension is not needed.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.fs

from datasets.analytics.blas import one_thread_per_product
from datasets.analytics.correlation.blocks import Partition, open_parquet, partitions
from datasets.analytics.correlation.matrix import Correlation, CorrelationMethod, solve
from datasets.analytics.correlation.passes import Mapper, gathered, in_threads
from datasets.analytics.errors import SourceMissing
from datasets.analytics.figures import Profile
from datasets.analytics.partial_statistics import profile_parts

CHUNK_BYTES = 4 << 20
DATA_FILE = "data.parquet"


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A bucket that an administrator configured; nothing of it comes from a client."""

    bucket: str
    region: str = "us-east-1"
    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0

    def filesystem(self) -> pa.fs.FileSystem:
        """Return the bucket as a file system, rooted at the bucket."""
        scheme, _, host = (self.endpoint or "https://").partition("://")
        store = pa.fs.S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            region=self.region,
            scheme=scheme,
            endpoint_override=host or None,
            connect_timeout=self.timeout_s,
            request_timeout=self.timeout_s,
        )
        return pa.fs.SubTreeFileSystem(self.bucket, store)


def fetch(filesystem: pa.fs.FileSystem, key: str, digest: str, cache: Path) -> Path:
    """Return the local copy of an object, brought here unless it is already.

    The bytes have to have this SHA-256 (an S3 ETag is no checksum); they appear by
    one rename. Raises SourceMissing when the object is gone or is something else.
    """
    target = cache / digest[:2] / digest / DATA_FILE
    if target.exists():
        return target
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f"{uuid.uuid4().hex}.part")
    try:
        if _copied(filesystem, key, part) != digest:
            raise SourceMissing("The stored object is not the one it should be.")
        part.chmod(0o444)
        part.rename(target)
    except (OSError, pa.ArrowException):
        raise SourceMissing("The stored object cannot be read.") from None
    finally:
        part.unlink(missing_ok=True)
    return target


def _copied(filesystem: pa.fs.FileSystem, key: str, part: Path) -> str:
    with filesystem.open_input_stream(key) as source, part.open("wb") as out:
        shutil.copyfileobj(source, out, CHUNK_BYTES)
        out.flush()
        os.fsync(out.fileno())
    with part.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remote_partitions(
    filesystem: pa.fs.FileSystem, keys: Sequence[str], *, parts: int
) -> list[Partition]:
    """Return the row groups of the objects in up to `parts` runs, in order."""
    return partitions(keys, parts=parts, filesystem=filesystem)


def profile_remote(
    filesystem: pa.fs.FileSystem,
    keys: Sequence[str],
    names: Sequence[str],
    *,
    run: Mapper | None = None,
    parts: int = 2,
) -> Profile:
    """Return counts, extremes, mean, std and histogram of numeric columns.

    Of a table that stays where it is; distinct values and quantiles need `fetch`.
    """
    found = remote_partitions(filesystem, keys, parts=parts)
    return profile_parts(found, names, run or in_threads(parts))


def correlate_remote(
    filesystem: pa.fs.FileSystem,
    keys: Sequence[str],
    names: Sequence[str],
    *,
    run: Mapper | None = None,
    parts: int = 2,
) -> Correlation:
    """Return the correlations of numeric columns of a table that stays where it is.

    `run` applies a function to every partition and returns the states in order.
    Pairs that lose digits are not computed again: the answer is then not `exact`.
    """
    with one_thread_per_product():
        found = remote_partitions(filesystem, keys, parts=parts)
        state = gathered(found, names, run or in_threads(parts))
    solved = solve(state)
    row_count = 0
    for key in keys:
        with open_parquet(key, filesystem) as file:
            row_count += file.metadata.num_rows
    return Correlation(
        method=CorrelationMethod.PEARSON,
        row_count=row_count,
        columns=tuple(names),
        excluded=(),
        matrix=solved.matrix,
        counts=solved.counts,
        reasons=solved.reasons,
        exact=not solved.imprecise.any(),
    )
