"""Wall time of a model's call, less the time that it waited for a CPU.

On a busy machine what could go on waits for its turn. The kernel counts that for each
thread, in nanoseconds: the second number of `/proc/{pid}/task/{tid}/schedstat`
(Documentation/scheduler/sched-stats.rst). Where it does not, all of it is the model's.
"""

import contextlib
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

TASKS = Path("/proc/self/task")
STALE_S = 0.02
"""How old what is known of waits may be when a request begins."""
MEASURED_S = 0.005
"""What is quicker took no time."""


class Start(NamedTuple):
    """When a request came to the model, and what had been waited until then."""

    at: float
    waited_s: float


class Stopwatch:
    """Follows a thread that computes, and those of libraries that help it.

    Of threads that work at the same time the one that waited longest counts.
    """

    def __init__(self, threads: Iterable[int]) -> None:
        self._before: dict[int, int] = {}
        self._waited_s = self._read_at = 0.0
        for each in threads:
            self.follow(each)

    def follow(self, thread: int) -> None:
        """Count what a thread of this process waits from now on."""
        flags = os.O_RDONLY | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            file = os.open(TASKS / str(thread) / "schedstat", flags)
            try:
                self._before[file] = _waited_ns(file)
            except (OSError, ValueError, IndexError):
                os.close(file)

    def start(self) -> Start:
        now = time.monotonic()
        if now - self._read_at > STALE_S:
            self._read(now)
        return Start(now, self._waited_s)

    def took_ms(self, start: Start, end: float, last_s: float) -> int:
        """Return what was not a wait, 0 for less than `MEASURED_S`.

        `last_s` is how much of it came since the last `start`.
        """
        took_s = end - start.at
        if took_s < MEASURED_S:
            return 0
        if last_s >= MEASURED_S:
            self._read(time.monotonic())
        return max(round((took_s - (self._waited_s - start.waited_s)) * 1000), 0)

    def _read(self, now: float) -> None:
        self._read_at, longest = now, 0
        for file, before in list(self._before.items()):
            try:
                self._before[file] = waited = _waited_ns(file)
            except ProcessLookupError:  # a library's thread may end at any time
                del self._before[file]
                os.close(file)
            else:
                longest = max(longest, waited - before)
        self._waited_s += longest / 1e9


def threads_beside() -> list[int]:
    """Return the other threads of this process: those that libraries have begun."""
    own = threading.get_native_id()
    with contextlib.suppress(OSError):
        return [each for each in map(_number, TASKS.iterdir()) if each != own]
    return []


def _number(task: Path) -> int:
    return int(task.name)


def _waited_ns(file: int) -> int:
    return int(os.pread(file, 128, 0).split()[1])
