"""Lets a process read some folders below others that are closed to it.

An interpreter may lie where only its owner may look, as root's own does. In a mount
namespace of the process's own an empty folder takes the place of the closed one, and
in it nothing can be seen but what shall be read. mount_namespaces(7), mount(2).
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MAY_PASS = 0o001


def reveal(libc: ctypes.CDLL, folders: Iterable[Path]) -> None:
    """Make the folders readable at their own paths, as far as that is permitted.

    The process must be root's, and alone in its mount namespace.
    """
    hidden = {path: closed for path in folders if (closed := _closed_above(path))}
    wanted = _outermost(hidden)
    opened = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in wanted}
    if opened:
        libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    for closed in {hidden[path] for path in wanted}:
        libc.mount(b"none", os.fsencode(closed), b"tmpfs", 0, b"mode=755,size=1m")
    for path, descriptor in opened.items():
        path.mkdir(parents=True, exist_ok=True)
        there = f"/proc/self/fd/{descriptor}".encode()
        libc.mount(there, os.fsencode(path), None, MS_BIND | MS_REC, None)
        os.close(descriptor)


def _closed_above(path: Path) -> Path | None:
    """Return the outermost folder above that others may not pass, if there is one."""
    for folder in reversed(path.parents):
        if not folder.stat().st_mode & MAY_PASS:
            return folder
    return None


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """Return the paths that lie in none of the others."""
    known = set(paths)
    return sorted(path for path in known if known.isdisjoint(path.parents))
