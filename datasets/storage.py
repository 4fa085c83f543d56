"""Where the bytes of datasets are: named by ids and digests, never by a client.

    datasets/incoming/<file id>            an uploaded file, complete
    datasets/partial/<upload id>           a resumable upload that goes on
    datasets/work/<version id>.<attempt>/  what a conversion is writing
    datasets/content/<ab>/<digest>/        data.parquet and what belongs to it

A content folder is complete or absent: it is filled in `work` and renamed.
"""

import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from mlops.core import files

DATA_FILE = "data.parquet"
SAMPLE_FILE = "sample.parquet"
HEAD_FILE = "head.json"
LEFTOVER_AGE_S = 3600.0


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """An uploaded file that is completely on disk; `name` is only a label.

    `made_of` are the ids of the versions that it was computed from, if it was.
    """

    name: str
    size_bytes: int
    sha256: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    made_of: tuple[uuid.UUID, ...] = ()

    @property
    def path(self) -> Path:
        return incoming_path(self.id)

    def discard(self) -> None:
        """Delete the bytes; a second call changes nothing."""
        self.path.unlink(missing_ok=True)


def root() -> Path:
    return Path(settings.DATA_DIR) / "datasets"


def incoming_path(file_id: uuid.UUID) -> Path:
    return root() / "incoming" / file_id.hex


def partial_path(upload_id: uuid.UUID) -> Path:
    return root() / "partial" / upload_id.hex


def work_folder(version_id: uuid.UUID, attempt: int) -> Path:
    return root() / "work" / f"{version_id.hex}.{attempt}"


def content_folder(digest: str) -> Path:
    return root() / "content" / digest[:2] / digest


def data_path(digest: str) -> Path:
    return content_folder(digest) / DATA_FILE


def sample_path(digest: str) -> Path:
    return content_folder(digest) / SAMPLE_FILE


def receive(
    name: str, chunks: Iterable[bytes], *, max_bytes: int | None = None
) -> IncomingFile:
    """Take a stream to disk. Raises TooLarge; then nothing is left behind."""
    file_id = uuid.uuid4()
    most = settings.MAX_UPLOAD_BYTES if max_bytes is None else max_bytes
    received = files.receive(chunks, incoming_path(file_id), max_bytes=most)
    return IncomingFile(label(name), received.size_bytes, received.sha256, file_id)


def linked(name: str, size_bytes: int, sha256: str, path: Path) -> IncomingFile:
    """Return a file of its own with the bytes of an incoming one: they never change."""
    file = IncomingFile(name, size_bytes, sha256)
    os.link(path, file.path)
    return file


def label(name: str) -> str:
    """Return the last part of a client's file name, short and printable."""
    return printable(name.replace("\\", "/").rsplit("/", 1)[-1])


def printable(name: str) -> str:
    """Return a name without what cannot be shown."""
    return "".join(char for char in name if char.isprintable())[:255] or "file"


@contextmanager
def held(digest: str) -> Iterator[None]:
    """Let nobody else keep or discard this content until its rows are written.

    Between processes: the lock is on the folder above it.
    """
    above = content_folder(digest).parent
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(above, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def keep(folder: Path, digest: str) -> None:
    """Make a finished work folder the content of `digest`; the caller holds it.

    The same content may be there already, put by another version or by an attempt
    that died just before its row was written: then the new copy goes.
    """
    target = content_folder(digest)
    for file in folder.iterdir():
        file.chmod(0o444)
        sync(file)
    sync(folder)
    try:
        folder.rename(target)
    except OSError:
        if not (target / DATA_FILE).exists():
            raise
        shutil.rmtree(folder)
    else:
        sync(target.parent)
        sync(target.parent.parent)


def discard_content(digest: str) -> None:
    """Delete a content that the caller holds; no half of it is ever seen."""
    doomed = root() / "work" / f"purged.{uuid.uuid4().hex}"
    doomed.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        content_folder(digest).rename(doomed)
    except FileNotFoundError:
        return
    shutil.rmtree(doomed)


def clear_attempts(version_id: uuid.UUID) -> None:
    """Delete what earlier attempts to convert this version left behind."""
    for folder in (root() / "work").glob(f"{version_id.hex}.*"):
        shutil.rmtree(folder)


def leftovers(place: str, pattern: str = "*") -> Iterator[Path]:
    """Yield entries of `incoming`, `partial`, `work` or `content` older than an hour.

    Who asks decides by the rows which of them still belong to something.
    """
    limit = time.time() - LEFTOVER_AGE_S
    for path in sorted((root() / place).glob(pattern)):
        try:
            if path.stat().st_mtime < limit:
                yield path
        except FileNotFoundError:
            continue


def remove(path: Path) -> None:
    """Delete a file or a folder that may be gone already."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Let a file, or the renames in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
