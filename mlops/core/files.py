"""Takes a stream of bytes to a file on the disk.

Files are named by ids that the server makes; a client's name never reaches the file
system. A file lies under its own name from its first byte: it counts once a row names
it, and that row is written when the file is complete. What a crash leaves is swept.
"""

import contextlib
import errno
import fcntl
import hashlib
import mmap
import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings

from mlops.core.errors import TooLarge

CHUNK_BYTES: Final = 256 << 10
"""How much is read at a time: it is copied and hashed while the CPU's cache has it."""
BLOCK_BYTES: Final = 1 << 20
"""How much is written at a time."""
_AT_ONCE: Final = 3
_ALIGNED: Final = mmap.PAGESIZE
_DIRECT: Final = getattr(os, "O_DIRECT", 0)  # Linux has it
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})

_helpers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="receiving")
_idle: deque[mmap.mmap] = deque(maxlen=8)


@dataclass(frozen=True, slots=True)
class Received:
    """A file that is completely on disk: its size in bytes and its SHA-256 (hex)."""

    path: Path
    size_bytes: int
    sha256: str


def receive(chunks: Iterable[bytes], target: Path, *, max_bytes: int) -> Received:
    """Write the chunks to `target`, a new file, and return what was written.

    File and folder are synced. Raises TooLarge past `max_bytes`; whatever is raised,
    no file is left.
    """
    incoming = Incoming(target, max_bytes=max_bytes)
    try:
        for chunk in chunks:
            incoming.write(chunk)
        return incoming.complete()
    finally:
        incoming.close()


def want_of_room(error: OSError) -> str:
    """Return what hinders a disk from taking anything now; "" for other errors."""
    if error.errno in _FULL:
        return "The disk of the data folder is full."
    if error.errno == errno.EROFS:
        return "The data folder is write-protected."
    return ""


class Incoming:
    """A file that is being received; closed before it is complete, it is deleted.

    While helpers write blocks, the next one fills. Whole blocks pass the page cache by
    where the file system can: a large file then costs no memory, and is on the disk
    when its last byte has come.
    """

    def __init__(self, target: Path, *, max_bytes: int) -> None:
        _make_folder(target.parent)
        self.path, self.size_bytes, self._max_bytes = target, 0, max_bytes
        self._digest = hashlib.sha256()
        self._file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._block = _take_block()
        self._blocks = [self._block]
        self._filled = self._passed_on = 0
        self._at_work: deque[tuple[Future[None], mmap.mmap]] = deque()
        self._is_open = True
        self._is_complete = False

    def write(self, chunk: bytes) -> None:
        """Take the next bytes, however many. Raises TooLarge or OSError."""
        self.size_bytes += len(chunk)
        if self.size_bytes > self._max_bytes:
            raise TooLarge(
                f"The file is larger than {self._max_bytes} bytes.", field="file"
            )
        self._digest.update(chunk)
        rest = memoryview(chunk)
        while rest:
            room = min(len(rest), BLOCK_BYTES - self._filled)
            self._block[self._filled : self._filled + room] = rest[:room]
            self._filled += room
            rest = rest[room:]
            if self._filled == BLOCK_BYTES:
                self._pass_on()

    def complete(self) -> Received:
        """Return the file when it and its entry in the folder are on the disk."""
        while self._at_work:
            self._finished()
        whole = self._filled - self._filled % _ALIGNED
        with memoryview(self._block) as block:
            _write_at(self._file, self._passed_on, block[:whole])
            _set_direct(self._file, on=False)
            _write_at(self._file, self._passed_on + whole, block[whole : self._filled])
        if settings.ARTIFACT_SYNC:
            os.fsync(self._file)
            _sync_folder(self.path.parent)
        self._is_complete = True
        self.close()
        return Received(self.path, self.size_bytes, self._digest.hexdigest())

    def close(self) -> None:
        """Release what the file holds; a second call changes nothing."""
        if not self._is_open:
            return
        self._is_open = False
        wait([writing for writing, _ in self._at_work])
        os.close(self._file)
        _idle.extend(self._blocks)
        if not self._is_complete:
            self.path.unlink(missing_ok=True)

    def _pass_on(self) -> None:
        """Let a helper have the full block, and fill another one."""
        if not self._passed_on:
            _set_direct(self._file, on=True)
        writing = _helpers.submit(_write_at, self._file, self._passed_on, self._block)
        self._at_work.append((writing, self._block))
        self._passed_on += BLOCK_BYTES
        self._filled = 0
        if len(self._at_work) == _AT_ONCE:
            self._block = self._finished()
        else:
            self._block = _take_block()
            self._blocks.append(self._block)

    def _finished(self) -> mmap.mmap:
        """Return the block that was passed on first, when it is written."""
        writing, block = self._at_work[0]
        writing.result()
        self._at_work.popleft()
        return block


def _take_block() -> mmap.mmap:
    """Return memory that begins at a page, as direct writes need it."""
    try:
        return _idle.pop()
    except IndexError:
        return mmap.mmap(-1, BLOCK_BYTES)


def _write_at(file: int, offset: int, data: "mmap.mmap | memoryview") -> None:
    """Write the data, past the page cache if it is to be so and can be."""
    with memoryview(data) as block:
        try:
            _write_all(file, offset, block)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            _set_direct(file, on=False)
            _write_all(file, offset, block)


def _write_all(file: int, offset: int, data: memoryview) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(file, data[done:], offset + done)


def _set_direct(file: int, *, on: bool) -> None:
    """Let writing pass the page cache, where the file system has such a way, or not."""
    flags = fcntl.fcntl(file, fcntl.F_GETFL)
    with contextlib.suppress(OSError):
        fcntl.fcntl(file, fcntl.F_SETFL, flags | _DIRECT if on else flags & ~_DIRECT)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
