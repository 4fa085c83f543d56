"""Takes rights away from a model's process before its file is read."""

import ctypes
import os
import pwd
import resource
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PR_SET_PDEATHSIG = 1
MAX_FILES = 1024
CPU_SPARE_S = 5
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """Memory on top of what the process maps already; seconds of CPU, 0 for any.

    One with a `parent`, a process ID, ends when that process does. `user` is who a
    process of root becomes, 0 for nobody.
    """

    memory_bytes: int
    cpu_s: int = 0
    parent: int = 0
    user: int = 0


def confine(limits: SandboxLimits) -> None:
    """Limit memory, files and core dumps; as root, become nobody.

    Everything that is imported from a folder others may not read must have been
    imported before.
    """
    _limit(resource.RLIMIT_AS, mapped_bytes() + limits.memory_bytes)
    _limit(resource.RLIMIT_NOFILE, MAX_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    if limits.cpu_s:
        # At the hard limit comes SIGKILL, which says nothing of the reason.
        _limit(resource.RLIMIT_CPU, limits.cpu_s, spare=CPU_SPARE_S)
    if os.geteuid() == 0:
        _become(limits.user)
    if limits.parent:  # a process that becomes another user's forgets it
        _end_with(limits.parent)


def _end_with(parent: int) -> None:
    """Be killed when the parent ends, and now if it has: no signal comes for that."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def give_back(memory_bytes: int) -> None:
    """Lower the limit of memory by what loading alone may take.

    Raises MemoryError if the process has mapped more than is left to it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if resource.RLIM_INFINITY in (soft, hard):
        return
    if mapped_bytes() > soft - memory_bytes:
        raise MemoryError
    resource.setrlimit(resource.RLIMIT_AS, (soft - memory_bytes, hard - memory_bytes))


@cache
def nobody() -> tuple[int, int]:
    """Return the numbers of the user and group without rights; read once."""
    found = pwd.getpwnam(NOBODY)
    return found.pw_uid, found.pw_gid


def _limit(kind: int, value: int, spare: int = 0) -> None:
    """Set the limit, and the one that cannot be passed by so much more."""
    hard, most = resource.getrlimit(kind)[1], value + spare
    if hard != resource.RLIM_INFINITY:
        value, most = min(value, hard), min(most, hard)
    resource.setrlimit(kind, (value, most))


def mapped_bytes() -> int:
    """Return what the process has mapped, which `RLIMIT_AS` limits."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _become(user: int) -> None:
    nobody_user, nobody_group = nobody()
    os.setgroups([])
    try:
        group = user or nobody_group
        os.setresgid(group, group, group)
        os.setresuid(*[user or nobody_user] * 3)
    except OSError:  # a user namespace may not know the number
        os.setresgid(nobody_group, nobody_group, nobody_group)
        os.setresuid(nobody_user, nobody_user, nobody_user)
