"""Writes a stream in blocks past the page cache, while the next bytes come in.

A large file then costs no memory and is on the disk when its last byte has come.
Through the page cache the same takes more CPU, up to three times as much where the
kernel has to find the memory first (docs/benchmarks/mlflow.md). One block is written by
the caller: handing it to a thread costs more than it saves.
"""

import contextlib
import errno
import fcntl
import mmap
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

BLOCK_BYTES: Final = 1 << 20
"""How much is written at a time."""
CACHED_BYTES: Final = 64 << 10
"""So little goes through the page cache, by one call."""
_AT_ONCE: Final = 3
_ALIGNED: Final = mmap.PAGESIZE
_DIRECT: Final = getattr(os, "O_DIRECT", 0)  # Linux has it

helpers = ThreadPoolExecutor(max_workers=16, thread_name_prefix="receiving")
"""What waits for the disk beside a caller; nothing in it waits for another."""
_idle: deque[mmap.mmap] = deque(maxlen=8)


class BlockWriter:
    """Fills one block while helper threads write up to three others.

    `open_file` returns the descriptor, when the first block is to be written.
    """

    def __init__(self, open_file: Callable[[], int]) -> None:
        self._open_file, self._file = open_file, -1
        self._block = _take_block()
        self._blocks = [self._block]
        self._filled = self._passed_on = 0
        self._at_work: deque[tuple[Future[None], mmap.mmap]] = deque()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes, however many. Raises OSError."""
        rest = memoryview(chunk)
        while rest:
            if self._filled == BLOCK_BYTES:
                self._pass_on()
            count = min(len(rest), BLOCK_BYTES - self._filled)
            self._block[self._filled : self._filled + count] = rest[:count]
            self._filled += count
            rest = rest[count:]

    def finish(self) -> None:
        """Write what is left; the last bytes, no whole page, go through the cache."""
        while self._at_work:
            self._finished()
        whole = self._filled - self._filled % _ALIGNED
        if self._file < 0:
            self._open(is_direct=self._filled > CACHED_BYTES)
        with memoryview(self._block) as block:
            _write_at(self._file, self._passed_on, block[:whole])
            if whole < self._filled:
                _set_direct(self._file, on=False)
                rest = block[whole : self._filled]
                _write_at(self._file, self._passed_on + whole, rest)

    def close(self) -> None:
        """Wait for the helpers, and leave the blocks to the next stream."""
        wait([writing for writing, _ in self._at_work])
        _idle.extend(self._blocks)
        self._blocks = []

    def _open(self, *, is_direct: bool) -> None:
        self._file = self._open_file()
        if is_direct:
            _set_direct(self._file, on=True)

    def _pass_on(self) -> None:
        """Let a helper have the full block, and fill another one."""
        if self._file < 0:
            self._open(is_direct=True)
        writing = helpers.submit(_write_at, self._file, self._passed_on, self._block)
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
            # EINVAL: this file system, or this alignment, knows no direct writes.
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
