"""Processes by id and start time, so that a reused id is not taken for an old one."""

import contextlib
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

NEVER_BEGAN = -1
"""In place of a wait status, of a process that did not come to be."""
_STATE, _START_TIME = 0, 19  # fields 3 and 22 of stat(5), counted after the name


def start_time(pid: int) -> int | None:
    """Return when the process started, in ticks since boot; None if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[_STATE] in "ZX" else int(fields[_START_TIME])


def is_alive(pid: int, born: int | None) -> bool:
    return born is not None and start_time(pid) == born


def private_bytes(pid: int) -> int:
    """Return the memory that the process has filled itself, 0 if it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    _, found, rest = status.partition("RssAnon:")
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0


@dataclass(frozen=True, slots=True)
class Effort:
    """CPU time and run-queue wait of all threads of a process, in seconds.

    One that `is_at_it` runs now, or waits for its turn or a disk.
    """

    run_s: float
    wait_s: float
    is_at_it: bool = False


def effort(pid: int) -> Effort | None:
    """Return what the process has done, None if it is gone.

    /proc/pid/task/tid/schedstat: nanoseconds on a processor, and in a queue for one.
    """
    run_ns, wait_ns, is_at_it = 0, 0, False
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            stat = (task / "stat").read_text()
            is_at_it |= stat[stat.rindex(")") + 2] in "RD"
            times = (task / "schedstat").read_text().split()
            run_ns += int(times[0])
            wait_ns += int(times[1])
    except OSError:
        return None
    return Effort(run_ns / 1e9, wait_ns / 1e9, is_at_it)


def send_signal(pid: int, born: int | None, number: signal.Signals) -> None:
    """Signal the process if it is still the one that started at `born`."""
    if is_alive(pid, born):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def describe_end(status: int) -> str:
    """Describe a wait status; a negative one means that the process never started."""
    if status < 0:
        return "never begun"
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    return f"ended with exit status {os.waitstatus_to_exitcode(status)}"


def discard(*paths: Path) -> None:
    """Remove files; what cannot be removed now is for the next sweep."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink()


def write_atomically(path: Path, value: Any) -> None:
    """Replace the file as a whole: a reader sees the old or the new content."""
    descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(value))
        Path(part).replace(path)
    except BaseException:
        discard(Path(part))
        raise
