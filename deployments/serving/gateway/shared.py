"""Shared-memory counters of all gateway processes of a machine.

Each process has a seat: a locked byte of a file, which the kernel gives back however
the process ends. A table has a row for each key and in it cells for each seat. A
process writes the cells of its own seat alone, so that no count needs a lock; what
holds for the machine is the sum of a row. Only new rows are made under a lock.
"""

import fcntl
import hashlib
import mmap
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

SEATS = 64
ALONE = 1000
TURNS, MOST_TURNS = 2000, 1000
HEADER_BYTES, KEY_BYTES, NUMBER_BYTES = 4096, 16, 8
USED, EPOCH, HIGH, NOTICE, PENDING = 0, 1, 2, 3, 64
"""Numbers of a header: rows, evictions, seats ever taken; for others' use the rest."""


class Seats:
    """This process's seat among the gateways that share a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # POSIX locks go when any descriptor of the file is closed: there is only one.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._file = os.open(folder / "seats", flags, 0o600)
        self.own = next((each for each in range(SEATS) if self._take(each)), -1)
        if self.own < 0:
            raise OSError(f"More than {SEATS} gateway processes share {folder}.")

    def is_left(self, number: int) -> bool:
        """Whether the seat's lock is free, as after a kill."""
        if number == self.own or not self._take(number):
            return False
        self._give_back(number)
        return True

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep the other processes out, for microseconds."""
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, ALONE)
        try:
            yield
        finally:
            self._give_back(ALONE)

    def take_turn(self, name: str) -> bool:
        """Take the machine's one turn of that name, if it is free."""
        return self._take(_turn(name))

    def end_turn(self, name: str) -> None:
        self._give_back(_turn(name))

    def _take(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError:
            return False
        return True

    def _give_back(self, byte: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)


class SharedTable:
    """Rows of `cells` numbers for each seat, in a file that every process maps.

    `text_bytes` of a row are for whoever makes it.
    """

    def __init__(
        self, file: int, seats: Seats, *, rows: int, cells: int, text_bytes: int = 0
    ) -> None:
        self.seats, self.rows, self.cells = seats, rows, cells
        self.stride = SEATS * cells
        self._keys_at = HEADER_BYTES
        self._texts_at = self._keys_at + rows * KEY_BYTES
        self._text_bytes = text_bytes
        numbers_at = self._texts_at + rows * text_bytes
        size = numbers_at + rows * self.stride * NUMBER_BYTES
        if os.fstat(file).st_size < size:
            os.ftruncate(file, size)  # it stays full of holes
        self._view = memoryview(mmap.mmap(file, size))
        self.header = self._view[:HEADER_BYTES].cast("q")
        self.numbers = self._view[numbers_at:].cast("q")
        self._found: dict[bytes, int] = {}
        self._epoch = self.header[EPOCH]
        with seats.alone():
            self.header[HIGH] = max(self.header[HIGH], seats.own + 1)

    @classmethod
    def in_folder(
        cls, folder: Path, name: str, seats: Seats, *, rows: int, cells: int
    ) -> "SharedTable":
        """Return the table of that name and shape, kept over restarts."""
        path = folder / f"{name}-{rows}x{cells}"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            return cls(file, seats, rows=rows, cells=cells)
        finally:
            os.close(file)

    def row(
        self,
        key: bytes,
        *,
        text: bytes = b"",
        spare: Callable[[], int | None] = lambda: None,
    ) -> int | None:
        """Return a key's row, made if need be; None when there is no more room.

        `spare` names a row that is not needed any more, once the table is full.
        """
        if self._epoch != self.header[EPOCH]:
            self._found.clear()
            self._epoch = self.header[EPOCH]
        found = self._found.get(key)
        if found is not None:
            return found
        with self.seats.alone():
            made = self._locate(key)
            if made is None and (made := self._new_row(spare)) is not None:
                self._write(made, key, text)
        if made is not None:
            self._found[key] = made
        return made

    def find(self, key: bytes) -> int | None:
        """Return a key's row if it has one."""
        return self._found.get(key) or self._locate(key)

    def own(self, row: int) -> int:
        """Return where the numbers of this process begin."""
        return row * self.stride + self.seats.own * self.cells

    def columns(self, row: int) -> Iterator[list[int]]:
        """Yield a row's numbers, seat by seat."""
        first = row * self.stride
        for seat in range(self.header[HIGH]):
            at = first + seat * self.cells
            yield self.numbers[at : at + self.cells].tolist()

    def texts(self) -> Iterator[tuple[int, bytes]]:
        """Yield every row and its text."""
        for row in range(self.header[USED]):
            at = self._texts_at + row * self._text_bytes
            yield row, bytes(self._view[at : at + self._text_bytes]).rstrip(b"\0")

    def clear(self, seat: int) -> None:
        """Set all numbers of a seat to 0."""
        zeros = memoryview(bytes(self.cells * NUMBER_BYTES)).cast("q")
        for row in range(self.header[USED]):
            at = row * self.stride + seat * self.cells
            self.numbers[at : at + self.cells] = zeros

    def _locate(self, key: bytes) -> int | None:
        end = self._keys_at + self.header[USED] * KEY_BYTES
        return _position(bytes(self._view[self._keys_at : end]), key)

    def _new_row(self, spare: Callable[[], int | None]) -> int | None:
        used = self.header[USED]
        if used < self.rows:
            return used
        row = spare()
        if row is not None:
            self.header[EPOCH] += 1
            zeros = memoryview(bytes(self.stride * NUMBER_BYTES)).cast("q")
            self.numbers[row * self.stride : (row + 1) * self.stride] = zeros
        return row

    def _write(self, row: int, key: bytes, text: bytes) -> None:
        at = self._keys_at + row * KEY_BYTES
        self._view[at : at + KEY_BYTES] = key
        at, size = self._texts_at + row * self._text_bytes, self._text_bytes
        self._view[at : at + size] = text[:size].ljust(size, b"\0")
        self.header[USED] = max(self.header[USED], row + 1)


def stored_rows(
    folder: Path, name: str, shape: tuple[int, int], keys: Collection[bytes]
) -> dict[bytes, list[list[int]]]:
    """Return rows of a table, seat by seat, for who has no seat and only reads."""
    rows, cells = shape
    found = {}
    try:
        with (folder / f"{name}-{rows}x{cells}").open("rb") as file:
            header = memoryview(file.read(HEADER_BYTES)).cast("q")
            known = file.read(header[USED] * KEY_BYTES)
            for key in keys:
                row = _position(known, key)
                if row is not None:
                    size = SEATS * cells * NUMBER_BYTES
                    at = HEADER_BYTES + rows * KEY_BYTES + row * size
                    file.seek(at)
                    numbers = memoryview(file.read(size)).cast("q").tolist()
                    found[key] = [
                        numbers[first : first + cells]
                        for first in range(0, header[HIGH] * cells, cells)
                    ]
    except FileNotFoundError:
        return {}
    return found


def _position(keys: bytes, key: bytes) -> int | None:
    at = keys.find(key)
    while at % KEY_BYTES and at >= 0:
        at = keys.find(key, at + 1)
    return at // KEY_BYTES if at >= 0 else None


@lru_cache(4096)
def key_of(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=KEY_BYTES).digest()


def _turn(name: str) -> int:
    return TURNS + int.from_bytes(key_of(name)[:4]) % MOST_TURNS
