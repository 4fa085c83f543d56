"""Takes a stream of bytes to a file, whole or not at all.

Files are named by ids that the server makes; a client's name never reaches the
file system.
"""

import errno
import hashlib
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops.core.errors import TooLarge

CHUNK_BYTES = 1 << 20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is completely on disk: its size in bytes and its SHA-256 (hex)."""

    path: Path
    size_bytes: int
    sha256: str


def receive(chunks: Iterable[bytes], target: Path, *, max_bytes: int) -> Received:
    """Write the chunks to `target` and return what was written.

    The bytes go to a `.part` file that is synced and renamed, so `target` is
    either complete or absent, also after a crash. Raises TooLarge past
    `max_bytes`; whatever is raised, no part file is left.
    """
    if not target.parent.is_dir():
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(target.parent.parent)
    part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        received = _write(chunks, part, max_bytes)
        part.replace(target)
        _sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)
    return Received(target, *received)


def want_of_room(error: OSError) -> str:
    """Return what hinders a disk from taking anything now; "" for other errors."""
    if error.errno in _FULL:
        return "The disk of the data folder is full."
    if error.errno == errno.EROFS:
        return "The data folder is write-protected."
    return ""


def _write(chunks: Iterable[bytes], part: Path, max_bytes: int) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > max_bytes:
                raise TooLarge(
                    f"The file is larger than {max_bytes} bytes.", field="file"
                )
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
