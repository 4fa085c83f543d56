"""Load of each instance, shared by all gateway processes of the machine."""

import logging
from pathlib import Path
from typing import Protocol

from deployments.serving.gateway.shared import (
    HIGH,
    PENDING,
    SEATS,
    Seats,
    SharedTable,
    key_of,
)

logger = logging.getLogger(__name__)

ROWS = 4096
HOLD = 1 << 32
"""Added to a count as long as its process knows the instance."""


class Load(Protocol):
    """The requests that an instance has."""

    def enter(self) -> None: ...
    def leave(self) -> None: ...
    def total(self) -> int: ...
    def release(self) -> None:
        """Forget the instance; what is under way is still counted."""


class LocalLoad:
    """The load as one process knows it."""

    def __init__(self, _path: str) -> None:
        self._count = 0

    def enter(self) -> None:
        self._count += 1

    def leave(self) -> None:
        self._count -= 1

    def total(self) -> int:
        return self._count

    def release(self) -> None:
        """Do nothing: it goes with its owner."""


class SharedLoad:
    """The load over all processes."""

    def __init__(self, table: SharedTable, row: int) -> None:
        self._numbers, self._header = table.numbers, table.header
        self._first, self._own = row * table.stride, table.own(row)
        self._numbers[self._own] |= HOLD

    def enter(self) -> None:
        self._numbers[self._own] += 1

    def leave(self) -> None:
        self._numbers[self._own] -= 1

    def total(self) -> int:
        first = self._first
        return sum(self._numbers[first : first + self._header[HIGH]]) % HOLD

    def release(self) -> None:
        self._numbers[self._own] &= HOLD - 1


class Loads:
    """The loads of all instances; a seat's share is given back when it is left."""

    def __init__(self, folder: Path, seats: Seats) -> None:
        self._seats = seats
        self.table = SharedTable.in_folder(folder, "loads", seats, rows=ROWS, cells=1)
        self._clear(seats.own)

    def of(self, path: str) -> Load:
        row = self.table.row(key_of(path), spare=self._spare)
        if row is None:
            logger.warning("there are too many instances to count them together")
            return LocalLoad(path)
        return SharedLoad(self.table, row)

    def give_back(self) -> None:
        """Clear what processes that were killed have left."""
        for seat in range(self.table.header[HIGH]):
            if self._seats.is_left(seat):
                self._clear(seat)

    @property
    def pending(self) -> memoryview:
        """A number of bytes for each seat, of samples that are not written yet."""
        return self.table.header[PENDING : PENDING + SEATS]

    def _clear(self, seat: int) -> None:
        self.table.clear(seat)
        self.table.header[PENDING + seat] = 0

    def _spare(self) -> int | None:
        table, high = self.table, self.table.header[HIGH]
        for row in range(table.rows):
            first = row * table.stride
            if not any(table.numbers[first : first + high]):
                return row
        return None
