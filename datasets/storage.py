"""Storage of datasets' bytes: keys are ids and digests, never a client's names.

In the byte store:

    datasets/incoming/<file id>            an uploaded file, complete
    datasets/content/<ab>/<digest>/        data.parquet and what belongs to it

and on this machine alone, below the data folder:

    datasets/partial/<upload id>           a resumable upload that goes on
    datasets/work/<version id>.<attempt>/  what a conversion is writing

A content is complete or absent: it is made in `work` and handed over whole.
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

from mlops.core.byte_store import byte_store

DATA_FILE = "data.parquet"
SAMPLE_FILE = "sample.parquet"
INCOMING, CONTENT = "datasets/incoming/", "datasets/content/"
LEFTOVER_AGE_S = 3600.0


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A complete uploaded file in the store; `name` is only a label.

    `made_of` are the ids of the versions that it was computed from, if it was.
    """

    name: str
    size_bytes: int
    sha256: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    made_of: tuple[uuid.UUID, ...] = ()

    @property
    def key(self) -> str:
        return incoming_key(self.id)

    @property
    def path(self) -> Path:
        return byte_store().local(self.key)

    def discard(self) -> None:
        """Delete the bytes; a second call changes nothing."""
        byte_store().delete(self.key)


def root() -> Path:
    """Return the folder of this machine for what is being written."""
    return Path(settings.DATA_DIR) / "datasets"


def incoming_key(file_id: uuid.UUID) -> str:
    return f"{INCOMING}{file_id.hex}"


def content_prefix(digest: str) -> str:
    return f"{CONTENT}{digest[:2]}/{digest}/"


def data_key(digest: str) -> str:
    return content_prefix(digest) + DATA_FILE


def partial_path(upload_id: uuid.UUID) -> Path:
    return root() / "partial" / upload_id.hex


def work_folder(version_id: uuid.UUID, attempt: int) -> Path:
    return root() / "work" / f"{version_id.hex}.{attempt}"


def data_path(digest: str) -> Path:
    """Return a path of this machine to read a content by, at once."""
    return byte_store().local(data_key(digest))


def sample_path(digest: str) -> Path:
    return byte_store().local(content_prefix(digest) + SAMPLE_FILE)


def receive(
    name: str, chunks: Iterable[bytes], *, max_bytes: int | None = None
) -> IncomingFile:
    """Write a stream to the store. Raises TooLarge; then nothing is left."""
    file_id = uuid.uuid4()
    most = settings.MAX_UPLOAD_BYTES if max_bytes is None else max_bytes
    received = byte_store().put(incoming_key(file_id), chunks, max_bytes=most)
    return IncomingFile(label(name), received.size_bytes, received.sha256, file_id)


def linked(name: str, size_bytes: int, sha256: str, key: str) -> IncomingFile:
    """Return a file of its own with the bytes of an incoming one: they never change."""
    file = IncomingFile(name, size_bytes, sha256)
    byte_store().copy(key, file.key)
    return file


def is_there(key: str) -> bool:
    """Whether the store has the bytes."""
    try:
        byte_store().stat(key)
    except FileNotFoundError:
        return False
    return True


def label(name: str) -> str:
    """Return the last part of a client's file name, short and printable."""
    return printable(name.replace("\\", "/").rsplit("/", 1)[-1])


def printable(name: str) -> str:
    """Return a name without what cannot be shown."""
    return "".join(char for char in name if char.isprintable())[:255] or "file"


@contextmanager
def held(digest: str) -> Iterator[None]:
    """Lock this content until its rows are written: nobody else stores or discards it.

    Between processes the lock is on a folder, shared by contents with an equal prefix.
    """
    shared = root() / "content" / digest[:2]
    shared.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(shared, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def keep(folder: Path, digest: str) -> None:
    """Make a finished work folder the content of `digest`; the caller holds its lock.

    The same content may exist, of another version or of an attempt that died before its
    row was written: then the new copy is deleted.
    """
    byte_store().adopt_folder(content_prefix(digest), folder, last=DATA_FILE)


def discard_content(digest: str) -> None:
    """Delete a content atomically; the caller holds its lock."""
    byte_store().delete_below(content_prefix(digest))


def clear_attempts(version_id: uuid.UUID) -> None:
    """Delete what earlier attempts to convert this version left behind."""
    for folder in (root() / "work").glob(f"{version_id.hex}.*"):
        shutil.rmtree(folder)


def old_blobs(prefix: str) -> Iterator[str]:
    """Yield keys below a prefix that are older than an hour.

    Who asks decides by the rows which of them still belong to something.
    """
    limit = time.time() - LEFTOVER_AGE_S
    found = byte_store().listing(prefix)
    return (blob.key for blob in found if blob.modified_s < limit)


def stale_paths(place: str) -> Iterator[Path]:
    """Yield entries of `partial` or `work` older than an hour."""
    limit = time.time() - LEFTOVER_AGE_S
    for path in sorted((root() / place).glob("*")):
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
