"""Expiry, rate and quota of endpoint keys, and how much of them is used.

Counted for all gateway processes of the machine together, and kept over restarts. A
minute is estimated from the present and the one before it, so that no two minutes'
worth passes around a boundary; a day is one of UTC. The day before is kept too, so that
whoever keeps days may come late.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.serving.gateway.shared import (
    EPOCH,
    Seats,
    SharedTable,
    key_of,
    stored_rows,
)

NAME, ROWS = "keys", 8192
MINUTE, COUNT, BEFORE, DAY, TODAY, REFUSED, LAST_MS = range(7)
DAY_BEFORE, REFUSED_BEFORE, CELLS = range(7, 10)
MINUTE_S, DAY_S = 60, 86_400


@dataclass(frozen=True, slots=True)
class KeyLimit:
    """Limits of a key; None is no limit, `expires_at` are seconds since 1970.

    With a `deployment_id` it is valid at that deployment's own address alone.
    """

    expires_at: float | None = None
    rate_per_minute: int | None = None
    daily_quota: int | None = None
    deployment_id: str = ""

    @classmethod
    def of(cls, content: dict[str, Any]) -> "KeyLimit":
        return cls(**content)

    def is_over(self) -> bool:
        return self.expires_at is not None and self.expires_at <= time.time()

    def opens(self, deployment_id: str) -> bool:
        """Whether it is valid now for a deployment's own address, or "" the slot's."""
        return self.deployment_id in {"", deployment_id} and not self.is_over()


@dataclass(frozen=True, slots=True)
class Used:
    """Calls let in and refused (429) on the present day of UTC."""

    requests_today: int = 0
    refused_today: int = 0
    last_used_at: float | None = None


class Usage:
    def __init__(self, folder: Path, seats: Seats) -> None:
        self._table = SharedTable.in_folder(folder, NAME, seats, rows=ROWS, cells=CELLS)
        self._epoch = -1
        self._firsts: dict[str, int] = {}

    def wait_s(self, digest: str, limit: KeyLimit) -> int:
        """Return after how many seconds the next call may come, 0 for now."""
        row = self._row(digest)
        if row is None:
            return 0
        now, columns = time.time(), list(self._table.columns(row))
        day = int(now) // DAY_S
        if limit.daily_quota is not None:
            used = sum(each[TODAY] for each in columns if each[DAY] == day)
            if used >= limit.daily_quota:
                return math.ceil((day + 1) * DAY_S - now)
        if limit.rate_per_minute is None:
            return 0
        return _rate_wait_s(columns, limit.rate_per_minute, now)

    def count(self, digest: str) -> None:
        """Count a call that is let in."""
        if (at := self._own(digest)) is None:
            return
        numbers, now = self._table.numbers, time.time()
        second = int(now)
        minute = second // MINUTE_S
        if numbers[at + MINUTE] != minute:
            follows = numbers[at + MINUTE] == minute - 1
            numbers[at + BEFORE] = numbers[at + COUNT] if follows else 0
            numbers[at + COUNT] = 0
            numbers[at + MINUTE] = minute
            self._begin_day(at, second // DAY_S)
        numbers[at + COUNT] += 1
        numbers[at + TODAY] += 1
        numbers[at + LAST_MS] = int(now * 1000)

    def refuse(self, digest: str) -> None:
        """Count a call that is over a limit."""
        if (at := self._own(digest)) is not None:
            self._begin_day(at, int(time.time()) // DAY_S)
            self._table.numbers[at + REFUSED] += 1

    def _begin_day(self, at: int, day: int) -> None:
        numbers = self._table.numbers
        if numbers[at + DAY] != day:
            follows = numbers[at + DAY] == day - 1
            numbers[at + DAY_BEFORE] = numbers[at + TODAY] if follows else 0
            numbers[at + REFUSED_BEFORE] = numbers[at + REFUSED] if follows else 0
            numbers[at + DAY] = day
            numbers[at + TODAY] = numbers[at + REFUSED] = 0

    def _own(self, digest: str) -> int | None:
        """Return where this process counts a key's calls, None for lack of room."""
        if self._epoch != self._table.header[EPOCH]:
            self._epoch = self._table.header[EPOCH]
            self._firsts.clear()
        first = self._firsts.get(digest)
        if first is None and (row := self._row(digest)) is not None:
            first = self._firsts[digest] = self._table.own(row)
        return first

    def _row(self, digest: str) -> int | None:
        return self._table.row(key_of(digest), spare=self._spare)

    def _spare(self) -> int | None:
        """Return the row that was not used for longest, nor today."""
        today = int(time.time()) // DAY_S
        last = {
            row: max(each[DAY] for each in self._table.columns(row))
            for row in range(ROWS)
        }
        oldest = min(last, key=last.__getitem__)
        return oldest if last[oldest] < today else None


@dataclass(frozen=True, slots=True)
class UsedDay:
    """Calls let in and refused on a day, in days since 1970."""

    day: int
    requests: int
    refused: int


def used(folder: Path, digests: Iterable[str]) -> dict[str, Used]:
    """Return what was used of keys, as their gateways count it at this moment."""
    of_key = {key_of(digest): digest for digest in digests}
    found = stored_rows(folder, NAME, (ROWS, CELLS), of_key)
    return {digest: _used(found.get(key, [])) for key, digest in of_key.items()}


def used_days(folder: Path, digests: Iterable[str]) -> dict[str, list[UsedDay]]:
    """Return what was used on the last days that are still known here, by digest."""
    of_key = {key_of(digest): digest for digest in digests}
    found = stored_rows(folder, NAME, (ROWS, CELLS), of_key)
    return {of_key[key]: _days(columns) for key, columns in found.items()}


def _days(columns: list[list[int]]) -> list[UsedDay]:
    counts: dict[int, list[int]] = {}
    for each in columns:
        for day, requests, refused in (
            (each[DAY], each[TODAY], each[REFUSED]),
            (each[DAY] - 1, each[DAY_BEFORE], each[REFUSED_BEFORE]),
        ):
            sums = counts.setdefault(day, [0, 0])
            sums[0] += requests
            sums[1] += refused
    return [UsedDay(day, *sums) for day, sums in sorted(counts.items()) if any(sums)]


def _used(columns: list[list[int]]) -> Used:
    day = int(time.time()) // DAY_S
    today = [each for each in columns if each[DAY] == day]
    last_ms = max((each[LAST_MS] for each in columns), default=0)
    return Used(
        sum(each[TODAY] for each in today),
        sum(each[REFUSED] for each in today),
        last_ms / 1000 if last_ms else None,
    )


def _rate_wait_s(columns: list[list[int]], rate: int, now: float) -> int:
    minute, into_s = int(now) // MINUTE_S, now % MINUTE_S
    current = sum(each[COUNT] for each in columns if each[MINUTE] == minute)
    before = sum(each[BEFORE] for each in columns if each[MINUTE] == minute)
    before += sum(each[COUNT] for each in columns if each[MINUTE] == minute - 1)
    if current + before * (MINUTE_S - into_s) / MINUTE_S < rate:
        return 0
    if current >= rate:
        left_s = MINUTE_S - into_s + MINUTE_S * (1 - rate / current)
    else:
        left_s = MINUTE_S * (1 - (rate - current) / before) - into_s
    return max(math.ceil(left_s + 0.01), 1)
