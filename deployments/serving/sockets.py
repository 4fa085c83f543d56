"""Addresses of Unix sockets, which a system call takes only when they are short."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

MAX_PATH_BYTES = 107  # sun_path holds 108 with its end


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """Yield an address of a socket's path that is short enough, however deep it is."""
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield os.fspath(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
