"""Row groups of Parquet files as columns of doubles with masks of what is present.

Decimals, integers and booleans become doubles; NaN and infinities count as missing.
pyarrow decodes: one thread per row group, half of DuckDB's CPU time, and the same
code reads from an object store.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
else:
    np = lazy_import("numpy")
    pa = lazy_import("pyarrow", "pyarrow.fs")
    pc = lazy_import("pyarrow.compute")
    pq = lazy_import("pyarrow.parquet")


Floats: TypeAlias = "npt.NDArray[np.float64]"
Mask: TypeAlias = "npt.NDArray[np.bool_]"

_BLOCK_BYTES = 32 << 20
_LEAST_ROWS = 4_096


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """Values of one column; those where `present` is false are undefined."""

    values: Floats
    present: "Mask | None"

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Partition:
    """Row groups of one file: the unit that another process or machine may take."""

    path: str
    groups: tuple[int, ...]
    filesystem: "pa.fs.FileSystem | None" = None


def partitions(
    paths: Sequence[Path | str],
    *,
    parts: int,
    filesystem: "pa.fs.FileSystem | None" = None,
) -> list[Partition]:
    """Return all row groups in order, in up to `parts` runs of about equal length."""
    groups = [
        (str(path), group)
        for path in paths
        for group in range(open_parquet(str(path), filesystem).num_row_groups)
    ]
    found: list[Partition] = []
    for part in range(parts):
        run = groups[len(groups) * part // parts : len(groups) * (part + 1) // parts]
        for path in dict.fromkeys(path for path, _ in run):
            numbers = tuple(group for name, group in run if name == path)
            found.append(Partition(path, numbers, filesystem))
    return found


def open_parquet(path: str, filesystem: "pa.fs.FileSystem | None") -> "pq.ParquetFile":
    if filesystem is None:
        return pq.ParquetFile(path)
    return pq.ParquetFile(filesystem.open_input_file(path), pre_buffer=True)


def blocks(partition: Partition, names: Sequence[str]) -> Iterator[list[ColumnValues]]:
    """Yield the named columns of a partition, a few megabytes at a time."""
    rows = max(_BLOCK_BYTES // (8 * len(names)), _LEAST_ROWS)
    with open_parquet(partition.path, partition.filesystem) as file:
        for group in partition.groups:
            # Never across row groups: a batch of two would be put together by copying.
            for batch in file.iter_batches(
                batch_size=rows,
                row_groups=[group],
                columns=list(names),
                use_threads=False,
            ):
                by_name = dict(zip(batch.schema.names, batch.columns, strict=True))
                yield [_column(by_name[name]) for name in names]


def _column(array: "pa.Array") -> ColumnValues:
    if not pa.types.is_float64(array.type):
        if pa.types.is_boolean(array.type):
            array = array.cast(pa.int8())
        array = pc.cast(array, pa.float64(), safe=False)
    validity, data = array.buffers()
    values = np.frombuffer(data, dtype=np.float64)[array.offset :][: len(array)]
    if not array.null_count:
        return ColumnValues(values, None)
    return ColumnValues(values, _mask(validity, array.offset, len(array)))


def _mask(validity: Any, offset: int, length: int) -> Mask:
    bits = np.frombuffer(validity, dtype=np.uint8)
    first = offset // 8
    unpacked = np.unpackbits(
        bits[first : (offset + length + 7) // 8], bitorder="little"
    )
    return unpacked[offset - first * 8 :][:length].view(np.bool_)
