"""Takes rights away from a model's process before its file is read."""

import ctypes
import os
import pwd
import resource
from dataclasses import dataclass
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNET = 0x40000000
MAX_FILES = 1024
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Limits:
    """Memory on top of what the process maps already; seconds of CPU, 0 for any."""

    memory_bytes: int
    cpu_s: int = 0


def confine(limits: Limits) -> None:
    """Limit memory, files and core dumps; as root, become nobody without a network.

    Everything that is imported from a folder others may not read must have been
    imported before.
    """
    os.chdir("/")
    _limit(resource.RLIMIT_AS, _mapped_bytes() + limits.memory_bytes)
    _limit(resource.RLIMIT_NOFILE, MAX_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    if limits.cpu_s:
        _limit(resource.RLIMIT_CPU, limits.cpu_s)
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        # Containers may forbid namespaces; the other walls stand without it.
        libc.unshare(CLONE_NEWNET)
        _become(NOBODY)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _become(name: str) -> None:
    user = pwd.getpwnam(name)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
