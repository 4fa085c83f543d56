"""A file that nobody sees before it is whole: without a name until it gets its own."""

import contextlib
import errno
import os
import uuid
from concurrent.futures import wait
from pathlib import Path
from typing import Final

from mlops.core.blobs.blocks import helpers

PARTS: Final = ".parts"
"""The folder for drafts that have to have a name, where no key leads to."""
# Linux has it; a nameless file gets its name through /proc.
_TMPFILE: Final = getattr(os, "O_TMPFILE", 0) if Path("/proc/self/fd").is_dir() else 0
# What a file system or kernel without nameless files says (open(2)).
_HAS_NONE: Final = frozenset({errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL})


class Draft:
    """A new file for writing. What a kill leaves of it is nothing, or a part.

    On Linux the kernel frees the bytes of a file that never got a name when the
    process ends, however that ends. Elsewhere the draft lies in `parts`, which is
    swept.
    """

    def __init__(self, folder: Path, parts: Path) -> None:
        self._part: Path | None = None
        self._folder = _opened(folder)
        try:
            self.file = self._new_file(parts)
        except BaseException:
            os.close(self._folder)
            raise

    def publish(self, target: Path) -> None:
        """Give the file its name. Raises FileExistsError if that is taken.

        The folder may have been removed as empty since: it is made again.
        """
        try:
            self._link(target.name)
        except FileNotFoundError:
            removed, self._folder = self._folder, _opened(target.parent)
            os.close(removed)
            self._link(target.name)

    def sync(self) -> None:
        """Let the file and its name survive a power cut.

        Both at once: they are in one commit of the journal, and the disk flushes once
        for it instead of twice.
        """
        naming = helpers.submit(os.fsync, self._folder)
        try:
            os.fsync(self.file)
        finally:
            wait([naming])  # its descriptor may not be closed under it
        naming.result()

    def close(self) -> None:
        """Close the file; it is gone unless it was published."""
        try:
            os.close(self.file)
        finally:
            os.close(self._folder)
            if self._part is not None:
                self._part.unlink(missing_ok=True)

    def _new_file(self, parts: Path) -> int:
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            return os.open(".", flags | _TMPFILE, 0o600, dir_fd=self._folder)
        except OSError as error:
            if error.errno not in _HAS_NONE:
                raise
        make_folder(parts)
        self._part = parts / uuid.uuid4().hex
        return os.open(self._part, flags | os.O_CREAT | os.O_EXCL, 0o600)

    def _link(self, name: str) -> None:
        # With a folder's descriptor Python calls linkat(2), which alone follows the
        # descriptor's name to the nameless file.
        source = self._part or f"/proc/self/fd/{self.file}"
        os.link(source, name, dst_dir_fd=self._folder, follow_symlinks=True)


def _opened(folder: Path) -> int:
    """Return a descriptor of the folder, which is made if it is not there."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return os.open(folder, flags)
    except FileNotFoundError:
        make_folder(folder)
        return os.open(folder, flags)


def make_folder(folder: Path) -> None:
    """Make a folder, those above it too, so that they survive a power cut."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    sync(folder.parent)


def sync(path: Path) -> None:
    """Let a file, or the names in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
