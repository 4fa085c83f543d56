"""Shuts a process in: which files it may use, no TCP, no signals to others.

By Landlock, which Linux has from 5.13 on and needs no rights of root; what an older
kernel does not know is left out. landlock(7), linux/landlock.h.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from stat import S_ISDIR

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # on every architecture
VERSION_FLAG, PATH_BENEATH = 1, 1
# LANDLOCK_ACCESS_FS_*: bits 0 to 12 came with version 1 (EXECUTE … MAKE_SYM), 13
# (REFER) with 2, 14 (TRUNCATE) with 3. A kernel refuses bits it does not know (EINVAL).
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE = 1, 2, 4, 8, 1 << 14
READ = READ_FILE | READ_DIR
USE = READ_FILE | WRITE_FILE | TRUNCATE
ALL = (1 << 15) - 1
"""All rights to files; devices are left to their modes."""
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE
REFER_FROM, TRUNCATE_FROM = 2, 3
EVERYTHING = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: ALL}
"""All rights to files by the interface's version."""
TCP_FROM, TCP = 4, 3  # bind and connect
SCOPES_FROM, SCOPES = 6, 3  # abstract sockets and signals

Rule = tuple[Path, int]
"""A file or folder, and the rights to it and to all that is in it."""


class _Ruleset(ctypes.Structure):
    _fields_ = [
        ("files", ctypes.c_uint64),
        ("net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    ]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1  # 12 bytes, as the header has it; ctypes would make it 16
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version(libc: ctypes.CDLL) -> int:
    """Return the version of the kernel's interface, at most 0 if it has none."""
    return int(libc.syscall(CREATE_RULESET, None, 0, VERSION_FLAG))


def shut_in(libc: ctypes.CDLL, rules: Iterable[Rule]) -> int:
    """Leave only what the rules name to this thread and what it starts.

    Returns the version of the interface, at most 0 if there is none. The process
    must have given up new privileges. Raises OSError if the kernel has Landlock and
    refuses.
    """
    known = version(libc)
    if known <= 0:
        return known
    everything = EVERYTHING[min(known, max(EVERYTHING))]
    ruleset_attributes = _Ruleset(
        everything,
        TCP if known >= TCP_FROM else 0,
        SCOPES if known >= SCOPES_FROM else 0,
    )
    # The struct has grown; a kernel refuses more than it knows unless that is zero.
    size = 24 if known >= SCOPES_FROM else 16 if known >= TCP_FROM else 8
    ruleset = _checked(
        libc.syscall(CREATE_RULESET, ctypes.byref(ruleset_attributes), size, 0)
    )
    try:
        for path, rights in rules:
            _allow(libc, ruleset, path, rights & everything)
        _checked(libc.syscall(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return known


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int) -> None:
    """Allow rights below a path; one that is not there, or is closed, is left out."""
    try:
        folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = rights if S_ISDIR(os.fstat(folder).st_mode) else rights & ON_FILES
        rule = _PathBeneath(rights, folder)
        _checked(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(folder)


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
