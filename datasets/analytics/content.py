"""The digest of a table's content, whatever file holds it.

SHA-256 of the columns' names and types and of every cell in its order. It is a tree:
each block of 8,192 rows has a digest, and these make that of the table, so that
blocks may be hashed by anybody, and rows that come later leave the complete blocks
before them as they are. Told apart are missing, empty text, NaN, 0.0 and -0.0, and
types; not told apart are the bit patterns of NaN, and how a file packs its rows.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.analytics.sql import TableColumn

if TYPE_CHECKING:
    from hashlib import _Hash

# Both are part of what a digest means: to be changed with the word in `_START` only.
BLOCK_ROWS = 8_192
_START = b"table 1\n"
_ONE_WORD = {"s": "us", "ms": "us"}


@dataclass(frozen=True, slots=True)
class Content:
    """The logical content of a table: columns, row count, and a digest per block."""

    columns: tuple[TableColumn, ...]
    rows: int
    blocks: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        head = orjson.dumps(
            [[[column.name, column.type] for column in self.columns], self.rows]
        )
        return hashlib.sha256(
            _START + hashlib.sha256(head).digest() + b"".join(self.blocks)
        ).hexdigest()


class Reading:
    """One pass over a Parquet file that other readers may share; then its content.

    `columns` are those that DuckDB describes. Memory holds one compressed row group and
    one block.
    """

    def __init__(self, path: Path, columns: Sequence[TableColumn]) -> None:
        self.columns = tuple(columns)
        self._path = path
        self._rows = 0
        self._digests: list[bytes] = []

    def blocks(self) -> Iterator[pa.RecordBatch]:
        """Yield all rows in their order, as Arrow gives them."""
        self._rows, self._digests = 0, []
        with pq.ParquetFile(self._path, memory_map=False) as file:
            for block in _blocks(file):
                self._rows += block.num_rows
                self._digests.append(_block_digest(block))
                yield block

    def content(self) -> Content:
        """Return the logical content of the table in this file."""
        return Content(self.columns, self._rows, tuple(self._digests))


def content(path: Path, columns: Sequence[TableColumn]) -> Content:
    """Return what the table in this file says."""
    reading = Reading(path, columns)
    for _ in reading.blocks():
        pass
    return reading.content()


def _blocks(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    """Yield blocks of equal length, and the rest; row groups end anywhere."""
    held: list[pa.RecordBatch] = []
    missing = BLOCK_ROWS
    for batch in file.iter_batches(batch_size=BLOCK_ROWS):
        start = 0
        while batch.num_rows - start >= missing:
            yield _joined([*held, batch.slice(start, missing)])
            start += missing
            held, missing = [], BLOCK_ROWS
        if start < batch.num_rows:
            held.append(batch.slice(start))
            missing -= batch.num_rows - start
    if held:
        yield _joined(held)


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _block_digest(block: pa.RecordBatch) -> bytes:
    found = hashlib.sha256(block.num_rows.to_bytes(4, "little"))
    for column in block.columns:
        _add(found, column)
    return found.digest()


def _add(found: "_Hash", array: Any) -> None:
    """Hash an array: which cells are missing, then the others."""
    array = _plain(array)
    if array.null_count:
        # An array of nulls has no bits.
        present = array.buffers()[0] or bytes(len(array) // 8 + 1)
        found.update(b"\0" + _bits(present, array.offset, len(array)))
        array = array.drop_null()
    else:
        found.update(b"\1")
    if pa.types.is_null(array.type):
        return
    _ADDING.get(array.type.id, _add_fixed)(found, array)


def _plain(array: Any) -> Any:
    """Return an array in a canonical type: equal values have one representation."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(array.storage)
    if pa.types.is_dictionary(kind):
        return _plain(array.dictionary_decode())
    if pa.types.is_timestamp(kind) and kind.unit in _ONE_WORD:
        return array.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_time32(kind):
        return array.cast(pa.time64("us"))
    return array


def _bits(bits: Any, begin: int, count: int) -> bytes:
    """Return `count` bits from `begin` on, in Arrow's order, with zeros behind."""
    bytes_ = np.frombuffer(bits, np.uint8)
    if begin % 8:
        whole = np.unpackbits(bytes_, bitorder="little")
        return np.packbits(whole[begin : begin + count], bitorder="little").tobytes()
    found = bytearray(bytes_[begin // 8 : (begin + count + 7) // 8])
    if count % 8:
        found[-1] &= (1 << count % 8) - 1
    return bytes(found)


def _add_fixed(found: "_Hash", array: Any) -> None:
    width = array.type.bit_width // 8
    begin = array.offset * width
    found.update(memoryview(array.buffers()[1])[begin : begin + len(array) * width])


def _add_floats(found: "_Hash", array: Any) -> None:
    values = array.to_numpy(zero_copy_only=True)
    # Not a number, where one of them is none: the cheapest look at all of them.
    with np.errstate(all="ignore"):
        is_odd = np.isnan(values @ values)
    if is_odd:
        values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    found.update(memoryview(values).cast("B"))


def _add_bits(found: "_Hash", array: pa.BooleanArray) -> None:
    found.update(_bits(array.buffers()[1], array.offset, len(array)))


def _add_lengths(found: "_Hash", array: Any) -> tuple[int, int]:
    """Hash how long each cell is; return where the first begins and the last ends."""
    wide = array.type.id in {pa.lib.Type_LARGE_STRING, pa.lib.Type_LARGE_BINARY}
    offsets = np.frombuffer(array.buffers()[1], np.int64 if wide else np.int32)
    offsets = offsets[array.offset : array.offset + len(array) + 1]
    found.update(np.diff(offsets).astype("<u4").tobytes())
    return int(offsets[0]), int(offsets[-1])


def _add_bytes(found: "_Hash", array: Any) -> None:
    if not len(array):
        return
    begin, end = _add_lengths(found, array)
    if end > begin:
        found.update(memoryview(array.buffers()[2])[begin:end])


def _add_lists(found: "_Hash", array: Any) -> None:
    if not len(array):
        return
    begin, end = _add_lengths(found, array)
    is_map = pa.types.is_map(array.type)
    # The items of all lists, those before a slice among them.
    for items in (array.keys, array.items) if is_map else (array.values,):
        _add(found, items.slice(begin, end - begin))


def _add_fields(found: "_Hash", array: Any) -> None:
    for child in array.flatten():
        _add(found, child)


_ADDING: dict[int, Callable[["_Hash", Any], None]] = {
    pa.lib.Type_BOOL: _add_bits,
    pa.lib.Type_FLOAT: _add_floats,
    pa.lib.Type_DOUBLE: _add_floats,
    pa.lib.Type_STRING: _add_bytes,
    pa.lib.Type_BINARY: _add_bytes,
    pa.lib.Type_LARGE_STRING: _add_bytes,
    pa.lib.Type_LARGE_BINARY: _add_bytes,
    pa.lib.Type_LIST: _add_lists,
    pa.lib.Type_MAP: _add_lists,
    pa.lib.Type_STRUCT: _add_fields,
}
