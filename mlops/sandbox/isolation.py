"""Shuts a process in, by what needs no privilege: Landlock and seccomp.

It reads its libraries and what is handed to it, writes to its own folder, and reaches
no network, no other process, and no file's owner or mode.
"""

import ctypes
import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mlops.sandbox import landlock, readable, rlimits, seccomp, syscalls
from mlops.sandbox.landlock import ALL, READ, Rule
from mlops.sandbox.reveal import CLONE_NEWNS, reveal

logger = logging.getLogger(__name__)

PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNET = 0x40000000
NO_LANDLOCK = (
    "no Landlock here (Linux has it from 5.13 on): a model can read every file that "
    "its user can"
)
NO_FILTER = (
    "no filter of system calls here: a model can open sockets, and change owners and "
    "modes of its user's files"
)


@dataclass(frozen=True, slots=True)
class SandboxRules:
    """What a process in the sandbox may still use.

    It starts in a `folder` with nothing in it. `work_dir` is the folder of a model that
    is code: it may read and write there, and start processes. One of data has none.
    Of `shown`, files and folders, it may read everything, and write nothing.
    """

    folder: Path
    work_dir: Path | None = None
    shown: tuple[Path, ...] = ()

    def landlock_rules(self) -> Iterable[Rule]:
        yield from readable.libraries()
        for path in self.shown:
            yield path, READ
        if self.work_dir is not None:
            yield from readable.programs()
            yield self.work_dir, ALL


def enter(rules: SandboxRules) -> tuple[str, ...]:
    """Enter the sandbox for good; return what of it is missing here, in words.

    Landlock holds for the thread that asks and all that it starts, so that no other
    may run yet. As root there is no network either, and folders that are closed to
    others are opened for the user whom it becomes.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    rlimits.nobody()  # which is looked up in /etc
    os.chdir(rules.folder)
    if os.geteuid() == 0:
        # Containers may forbid namespaces; the rest of the sandbox works without.
        libc.unshare(CLONE_NEWNET)
        if rules.work_dir is not None and not libc.unshare(CLONE_NEWNS):
            reveal(libc, [*readable.installed(), rules.work_dir])
    lacking = _enter(libc, rules, all_threads=True)
    for each in lacking:
        logger.warning("%s", each)
    return lacking


def prepare() -> None:
    """Work out what is the same for all models of data, before they are forked."""
    readable.libraries()
    if known := syscalls.architecture():
        seccomp.assembled(seccomp.Rights(), *known)
        seccomp.assembled(seccomp.Rights(scoped=True), *known)


@cache
def missing() -> tuple[str, ...]:
    """Return what of the sandbox the kernel or container does not offer, in words.

    Tried for real, in a thread of its own, with which they end.
    """
    found: list[str] = []
    libc = ctypes.CDLL(None, use_errno=True)
    rules = SandboxRules(Path("/"))
    trial = threading.Thread(
        target=lambda: found.extend(_enter(libc, rules, all_threads=False))
    )
    trial.start()
    trial.join()
    return tuple(found)


def _enter(
    libc: ctypes.CDLL, rules: SandboxRules, *, all_threads: bool
) -> tuple[str, ...]:
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    lacking, version = [], 0
    try:
        version = landlock.shut_in(libc, rules.landlock_rules())
    except OSError as error:
        logger.warning("Landlock was refused: %s", error)
    if version <= 0:
        lacking.append(NO_LANDLOCK)
    scoped = version >= landlock.SCOPES_FROM
    rights = seccomp.Rights(rules.work_dir is not None, scoped)
    try:
        seccomp.install(libc, rights, all_threads=all_threads)
    except OSError as error:
        logger.warning("the filter of system calls was refused: %s", error)
        lacking.append(NO_FILTER)
    return tuple(lacking)
