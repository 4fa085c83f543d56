"""Quoted cells of a CSV, which DuckDB does not report."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.analytics.ingest.dialect import Dialect
from datasets.analytics.ingest.quotes import Quotes

_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of some complete rows: where each begins and ends, and its column."""

    raw: bytes
    begins: Any
    ends: Any
    columns: Any
    quoted: Any

    def texts(self, column: int) -> Iterator[bytes]:
        """Yield the cells of a column that stand in quotes."""
        for index in np.flatnonzero(self.quoted & (self.columns == column)):
            yield self.raw[self.begins[index] : self.ends[index]].rstrip(b"\r")


def wholly_quoted(path: Path, dialect: Dialect, columns: Sequence[int]) -> set[int]:
    """Return those columns of which every cell stands in quotes."""
    kept = set(columns)
    for cells in _cells(path, dialect):
        kept = {c for c in kept if cells.quoted[cells.columns == c].all()}
        if not kept:
            break
    return kept


def has_quoted(path: Path, dialect: Dialect, column: int, words: Sequence[str]) -> bool:
    """Return whether a cell of the column is one of the words, in quotes."""
    quote = dialect.quote.encode()
    listed = {quote + word.encode() + quote for word in words if word}
    return any(
        not listed.isdisjoint(cells.texts(column)) for cells in _cells(path, dialect)
    )


def _cells(path: Path, dialect: Dialect) -> Iterator[_Cells]:
    above, rest = dialect.lines_above, b""
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            raw = rest + chunk
            if not chunk and raw and not raw.endswith(b"\n"):
                raw += b"\n"
            cut, separators = _cut(raw, dialect)
            rest = raw[cut:]
            if cut:
                found, rows = _of_rows(raw[:cut], separators, dialect, above)
                above = max(above - rows, 0)
                yield found
            if not chunk:
                return


def _cut(raw: bytes, dialect: Dialect) -> tuple[int, Any]:
    """Return the length of the complete rows, and where a cell ends in them."""
    bytes_ = np.frombuffer(raw, np.uint8)
    toggles = np.zeros(len(raw), np.int8)
    toggles[Quotes(dialect.quote, dialect.delimiter).toggles(raw)] = 1
    outside = np.cumsum(toggles, dtype=np.int64) % 2 == 0
    line_ends = np.flatnonzero((bytes_ == ord("\n")) & outside)
    if not line_ends.size:
        return 0, line_ends
    cut = int(line_ends[-1]) + 1
    ends = (bytes_ == ord("\n")) | _delimiters(raw, bytes_, dialect.delimiter)
    return cut, np.flatnonzero((ends & outside)[:cut])


def _delimiters(raw: bytes, bytes_: Any, delimiter: str) -> Any:
    """Return where each delimiter ends, which may have several bytes."""
    signs = delimiter.encode()
    if len(signs) == 1:
        return bytes_ == signs[0]
    found = np.zeros(len(raw), bool)
    found[[match.end() - 1 for match in re.finditer(re.escape(signs), raw)]] = True
    return found


def _of_rows(raw: bytes, ends: Any, dialect: Dialect, above: int) -> tuple[_Cells, int]:
    bytes_ = np.frombuffer(raw, np.uint8)
    begins = np.concatenate(([0], ends[:-1] + 1))
    is_last = bytes_[ends] == ord("\n")
    rows = np.concatenate(([0], np.cumsum(is_last)[:-1]))
    firsts = np.flatnonzero(np.concatenate(([True], is_last[:-1])))
    columns = np.arange(ends.size) - firsts[rows]
    widths = np.bincount(rows)
    whole = (widths[rows] == len(dialect.names)) & (rows >= above)
    quoted = bytes_[begins] == ord(dialect.quote)
    found = _Cells(raw, begins[whole], ends[whole], columns[whole], quoted[whole])
    return found, int(widths.size)
