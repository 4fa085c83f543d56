"""Takes rights away from a model's process before its file is read."""

import ctypes
import logging
import os
import pwd
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

from deployments.serving.child import landlock
from deployments.serving.child.reveal import CLONE_NEWNS, reveal

logger = logging.getLogger(__name__)

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38
CLONE_NEWNET = 0x40000000
MAX_FILES = 1024
NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Limits:
    """Memory on top of what the process maps already; seconds of CPU, 0 for any.

    One that is `passing` ends with the process that forked it. `user` is who a process
    of root becomes, 0 for nobody; `reads` are folders that it must be able to read
    then, wherever they lie. With `writes` it is shut in: it may use these, read those
    and the system's own, and nothing else.
    """

    memory_bytes: int
    cpu_s: int = 0
    passing: bool = False
    user: int = 0
    reads: tuple[Path, ...] = ()
    writes: tuple[Path, ...] = ()


def confine(limits: Limits) -> None:
    """Limit memory, files and core dumps; as root, become nobody without a network.

    Everything that is imported from a folder others may not read must have been
    imported before, or the folder be one of the limits' `reads`.
    """
    os.chdir("/")
    _limit(resource.RLIMIT_AS, _mapped_bytes() + limits.memory_bytes)
    _limit(resource.RLIMIT_NOFILE, MAX_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    if limits.cpu_s:
        _limit(resource.RLIMIT_CPU, limits.cpu_s)
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        # Containers may forbid namespaces; the other walls stand without them.
        libc.unshare(CLONE_NEWNET)
        if limits.reads and not libc.unshare(CLONE_NEWNS):
            reveal(libc, limits.reads)
        _become(limits.user)
    if limits.passing:  # a process that becomes another user's forgets it
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if limits.writes:
        landlock.shut_in(libc, limits.reads, limits.writes)
    for folder in limits.reads:
        if not os.access(folder, os.R_OK | os.X_OK):
            logger.warning("the model cannot read %s: it is closed to others", folder)


def _limit(kind: int, value: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _mapped_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def _become(user: int) -> None:
    nobody = pwd.getpwnam(NOBODY)
    os.setgroups([])
    try:
        group = user or nobody.pw_gid
        os.setresgid(group, group, group)
        os.setresuid(*[user or nobody.pw_uid] * 3)
    except OSError:  # a user namespace may not know the number
        os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
        os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
