"""The byte store of one machine: a folder, in which a key is a path."""

import contextlib
import errno
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, Final, cast

from mlops.core.blobs.base import (
    Blob,
    ByteStore,
    Received,
    WrongDigest,
    checked_key,
    checked_prefix,
    is_segment,
)
from mlops.core.blobs.blocks import BlockWriter
from mlops.core.blobs.drafts import PARTS, Draft, make_folder, sync
from mlops.core.errors import TooLarge

DOOMED: Final = ".doomed"


@dataclass(frozen=True, slots=True)
class FolderStore(ByteStore):
    """Blobs as files below `root`; without `syncs`, a power cut may take the last.

    Hard links and renames make a blob whole at once, so all of a top folder (the
    first segment of a key) lies in one file system. Names with a dot in front are the
    store's own.
    """

    root: Path
    syncs: bool = True

    def writing(self, key: str, *, max_bytes: int, sha256: str = "") -> "FolderWriting":
        checked_key(key)
        return FolderWriting(self, key, max_bytes=max_bytes, sha256=sha256)

    def adopt(self, key: str, path: Path, *, is_lasting: bool = True) -> None:
        target = self.local(key)
        is_lasting = is_lasting and self.syncs
        os.utime(path)  # as new: what is old and has no row is swept
        if is_lasting:
            sync(path)
        _into_folder(lambda: path.replace(target), target.parent)
        if is_lasting:
            sync(target.parent)

    def adopt_folder(self, prefix: str, folder: Path, *, last: str) -> None:
        target = self._below(prefix)
        for file in folder.iterdir():
            file.chmod(0o444)
            sync(file)
        sync(folder)
        try:
            _into_folder(lambda: folder.rename(target), target.parent)
        except OSError:
            if not (target / last).exists():
                raise
            shutil.rmtree(folder)
        else:
            sync(target.parent)
            sync(target.parent.parent)

    def open(self, key: str, first: int = 0, size: int | None = None) -> BinaryIO:
        # Neither a link that was put there nor a pipe that never ends.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with _missing_where_a_blob_is_above(key):
            descriptor = os.open(self.local(key), flags)
        found = os.fstat(descriptor)
        if not S_ISREG(found.st_mode):
            os.close(descriptor)
            raise _missing(key)
        file = os.fdopen(descriptor, "rb")
        file.seek(first)
        if size is None or first + size >= found.st_size:
            return file
        return cast("BinaryIO", BufferedReader(_Part(file, size)))

    def stat(self, key: str) -> Blob:
        with _missing_where_a_blob_is_above(key):
            found = self.local(key).lstat()
        if not S_ISREG(found.st_mode):
            raise _missing(key)
        return Blob(key, found.st_size, found.st_mtime)

    def listing(self, prefix: str) -> Iterator[Blob]:
        yield from _files_below(self._below(prefix), checked_prefix(prefix))

    def delete(self, key: str) -> None:
        with contextlib.suppress(NotADirectoryError):
            self.local(key).unlink(missing_ok=True)

    def delete_below(self, prefix: str) -> None:
        target = self._below(prefix)
        if not target.is_dir():
            return
        doomed = self.own(prefix, DOOMED) / uuid.uuid4().hex
        make_folder(doomed.parent)
        with contextlib.suppress(FileNotFoundError):
            target.rename(doomed)
            shutil.rmtree(doomed)

    def copy(self, key: str, new_key: str) -> None:
        source, target = self.local(key), self.local(new_key)
        self.stat(key)
        os.utime(source)  # both names have one time: the copy is no old leftover
        _into_folder(lambda: os.link(source, target), target.parent)
        if self.syncs:
            sync(target.parent)

    def link(self, key: str, *, name: str, lifetime_s: int) -> str | None:
        return None

    def local(self, key: str) -> Path:
        return self.root / checked_key(key)

    def sweep(self, older_than_s: float) -> int:
        latest, removed = time.time() - older_than_s, 0
        for own in (PARTS, DOOMED):
            for path in sorted(self.root.glob(f"*/{own}/*")):
                with contextlib.suppress(FileNotFoundError):
                    if path.lstat().st_mtime < latest:
                        _remove(path)
                        removed += 1
        return removed

    def own(self, key: str, name: str) -> Path:
        """Return a folder of the store's own in the file system of a key."""
        return self.root / key.partition("/")[0] / name

    def _below(self, prefix: str) -> Path:
        return self.root / checked_prefix(prefix)


class FolderWriting:
    """A blob on its way to a folder; up to a block of it waits in memory."""

    def __init__(
        self, store: FolderStore, key: str, *, max_bytes: int, sha256: str
    ) -> None:
        self.size_bytes = 0
        self._store, self._key, self._target = store, key, store.root / key
        self._max_bytes, self._wanted = max_bytes, sha256
        self._digest = hashlib.sha256()
        self._draft: Draft | None = None
        self._blocks: BlockWriter | None = BlockWriter(lambda: self._drafted().file)

    def write(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        if self.size_bytes > self._max_bytes:
            raise TooLarge(
                f"The file is larger than {self._max_bytes} bytes.", field="file"
            )
        self._digest.update(chunk)
        if self._blocks is None:
            raise ValueError("the writing is closed")
        self._blocks.write(chunk)

    def complete(self) -> Received:
        found = self._digest.hexdigest()
        if self._wanted not in {"", found}:
            raise WrongDigest(
                f"The bytes have the SHA-256 {found}; {self._wanted} was announced.",
                field="sha256",
            )
        if self._blocks is None:
            raise ValueError("the writing is closed")
        self._blocks.finish()
        self._publish(self._drafted())
        self.close()
        return Received(self._key, self.size_bytes, found)

    def close(self) -> None:
        blocks, self._blocks = self._blocks, None
        draft, self._draft = self._draft, None
        try:
            if blocks is not None:
                blocks.close()
        finally:
            if draft is not None:
                draft.close()

    def _drafted(self) -> Draft:
        """Return the file, made only now: what is refused costs the disk nothing."""
        if self._draft is None:
            parts = self._store.own(self._key, PARTS)
            self._draft = Draft(self._target.parent, parts)
        return self._draft

    def _publish(self, draft: Draft) -> None:
        """Give the file its name and sync both.

        In this order one turn of the file system's journal does: no row names the key
        before, so nobody looks for it if the power fails between.
        """
        draft.publish(self._target)
        if not self._store.syncs:
            return
        try:
            draft.sync()
        except OSError:
            self._target.unlink(missing_ok=True)
            raise


class _Part(RawIOBase):
    """At most `left` bytes of a file from where it stands."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        chunk = self._file.read(min(len(buffer), self._left))
        buffer[: len(chunk)] = chunk
        self._left -= len(chunk)
        return len(chunk)

    def close(self) -> None:
        self._file.close()
        super().close()


def _files_below(folder: Path, key: str) -> Iterator[Blob]:
    """Yield the files of a folder tree by key; what goes meanwhile is left out."""
    try:
        entries = [entry for entry in os.scandir(folder) if is_segment(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return
    # As keys are ordered: `a-b` comes before what is below `a`, for `-` before `/`.
    entries.sort(key=lambda one: f"{one.name}/" if one.is_dir() else one.name)
    for entry in entries:
        below = f"{key}/{entry.name}"
        if entry.is_dir():
            yield from _files_below(folder / entry.name, below)
            continue
        with contextlib.suppress(FileNotFoundError):
            found = entry.stat(follow_symlinks=False)
            if S_ISREG(found.st_mode):
                yield Blob(below, found.st_size, found.st_mtime)


def _into_folder(act: Callable[[], object], folder: Path) -> None:
    """Do what needs the folder, which may just have been removed as empty."""
    make_folder(folder)
    try:
        act()
    except FileNotFoundError:
        if folder.is_dir():
            raise
        make_folder(folder)
        act()


@contextlib.contextmanager
def _missing_where_a_blob_is_above(key: str) -> Iterator[None]:
    """Say "not there" for `a/b` where `a` is a blob, as every store does."""
    try:
        yield
    except NotADirectoryError:
        raise _missing(key) from None


def _missing(key: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "There is no such blob", key)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
