"""Why a child process ended without a report: from its status and log."""

import re
import signal
from enum import StrEnum

# What Python, C++ and libraries write when they are given no more memory: a thread
# that cannot begin had no room for its stack.
_NO_MEMORY = re.compile(
    rb"MemoryError|bad_alloc|[Oo]ut of [Mm]emory|[Cc]annot allocate"
    rb"|[Ff]ailed to allocate|can't start new thread|Resource temporarily unavailable"
)
_NO_DISK = re.compile(rb"No space left on device|Disk quota exceeded")


class ExitReason(StrEnum):
    """MEMORY: out of memory. TIME: a CPU or wall-clock limit. DISK: disk full.

    KILLED: by another process or the out-of-memory killer. CRASHED: everything else.
    """

    MEMORY = "memory"
    TIME = "time"
    DISK = "disk"
    KILLED = "killed"
    CRASHED = "crashed"


def exit_reason(code: int, log: bytes) -> ExitReason:
    """Return why a process ended, from its return code (negative: a signal)."""
    if code in {-signal.SIGXCPU, -signal.SIGALRM}:
        return ExitReason.TIME
    if code == -signal.SIGKILL:
        return ExitReason.KILLED
    if _NO_DISK.search(log):
        return ExitReason.DISK
    return ExitReason.MEMORY if _NO_MEMORY.search(log) else ExitReason.CRASHED


def exit_code_name(code: int) -> str:
    """Return an exit code in readable form: a signal's name, or `status 1`."""
    if code >= 0:
        return f"status {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
