"""Reads objects of the storage connections that an admin has configured.

A client names a connection and an object in it; it never gives an address.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from django.conf import settings

from datasets import storage
from datasets.errors import BadFile, ObjectNotFound
from datasets.models.connection import ConnectionKind, StorageConnection
from datasets.storage import IncomingFile
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import fs
else:
    pa = lazy_import("pyarrow")
    fs = lazy_import("pyarrow.fs")

CHUNK_BYTES = 1 << 20
MAX_FILES = 1_000
MAX_NAME = 255
_MAX_LISTED = 10_000
MISSING = "There is no such object in this connection."


def fetch(connection: StorageConnection, path: str) -> list[IncomingFile]:
    """Copy an object, or all below a folder, into the uploads.

    Files of a folder come sorted by name and keep their relative folders. Raises
    ObjectNotFound, BadFile for what is not a file, or TooLarge; then nothing is left.
    """
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or "\x00" in path:
        raise ObjectNotFound(MISSING, field="path")
    read: Callable[[PurePosixPath], Iterator[bytes]]
    if connection.kind == ConnectionKind.FOLDER:
        root = connection.root()
        below = _files_below(root, relative)
        read = partial(_folder_chunks, root)
    else:
        bucket = _Bucket(connection)
        below, read = bucket.keys_below(relative), bucket.chunks
    if below is None:
        return [storage.receive(relative.name, read(relative))]
    return _received(relative, below, read)


def _received(
    folder: PurePosixPath,
    below: Sequence[PurePosixPath],
    read: Callable[[PurePosixPath], Iterator[bytes]],
) -> list[IncomingFile]:
    wanted = [name for name in sorted(below, key=str) if _is_of_table(name)]
    if not wanted:
        raise ObjectNotFound(MISSING, field="path")
    if len(wanted) > MAX_FILES:
        raise BadFile(f"The folder holds more than {MAX_FILES} files.", field="path")
    if long := [str(name) for name in wanted if len(str(name)) > MAX_NAME]:
        raise BadFile(f"The name {long[0][:100]!r}… is too long.", field="path")
    files: list[IncomingFile] = []
    left = settings.MAX_UPLOAD_BYTES
    try:
        for name in wanted:
            file = storage.receive(name.name, read(folder / name), max_bytes=left)
            files.append(replace(file, name=storage.printable(str(name))))
            left -= file.size_bytes
    except BaseException:
        for file in files:
            file.discard()
        raise
    return files


def _is_of_table(name: PurePosixPath) -> bool:
    """Return whether it is no file that programs put beside those of a table."""
    return not any(part.startswith((".", "_")) for part in name.parts)


def _files_below(root: Path, relative: PurePosixPath) -> list[PurePosixPath] | None:
    """Return the files below a folder, None if it is not a folder.

    Raises BadFile for links and special files.
    """
    try:
        top = (root / relative).resolve(strict=True)
    except OSError:
        return None
    if not top.is_dir() or not top.is_relative_to(root):
        return None
    found = []
    for place, folders, files in os.walk(top):
        for name in [*folders, *files]:
            path = Path(place) / name
            kind = path.lstat().st_mode
            below = path.relative_to(top)
            if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
                raise BadFile(f"{str(below)!r} is a link, or no file.", field="path")
            if stat.S_ISREG(kind):
                found.append(PurePosixPath(below))
        if len(found) > _MAX_LISTED:
            raise BadFile(
                f"The folder holds more than {MAX_FILES} files.", field="path"
            )
    return found


def _folder_chunks(folder: Path, relative: PurePosixPath) -> Iterator[bytes]:
    try:
        real = (folder / relative).resolve(strict=True)
        if not real.is_relative_to(folder):
            raise ObjectNotFound(MISSING, field="path")
        # Neither a link put there meanwhile nor a pipe that never ends.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise ObjectNotFound(MISSING, field="path") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ObjectNotFound(MISSING, field="path")
    with os.fdopen(descriptor, "rb") as file:
        yield from _chunks(file)


class _Bucket:
    """The objects of a connection to an S3-compatible store."""

    def __init__(self, connection: StorageConnection) -> None:
        scheme, _, host = connection.endpoint.rpartition("://")
        self._connection = connection
        self._store = fs.S3FileSystem(
            access_key=connection.access_key or None,
            secret_key=os.environ.get(connection.secret_variable) or None,
            endpoint_override=host or None,
            scheme=scheme or "https",
            region=connection.region or None,
            connect_timeout=5,
            request_timeout=30,
        )

    def _key(self, relative: PurePosixPath) -> str:
        prefix = self._connection.prefix.strip("/")
        parts = (self._connection.bucket, prefix, str(relative))
        return "/".join(part for part in parts if part and part != ".")

    def keys_below(self, relative: PurePosixPath) -> list[PurePosixPath] | None:
        """Return the objects below a prefix; None where it is an object itself."""
        key = self._key(relative)
        try:
            if self._store.get_file_info(key).type == fs.FileType.File:
                return None
            listed = self._store.get_file_info(fs.FileSelector(key, recursive=True))
        except (OSError, pa.ArrowException):
            return None
        files = [info.path for info in listed if info.type == fs.FileType.File]
        found = [PurePosixPath(path).relative_to(key) for path in files]
        if any(".." in name.parts for name in found):
            raise BadFile("A name leads out of the folder.", field="path")
        return found

    def chunks(self, relative: PurePosixPath) -> Iterator[bytes]:
        try:
            with self._store.open_input_stream(self._key(relative)) as stream:
                yield from _chunks(stream)
        except (OSError, pa.ArrowException):
            raise ObjectNotFound(MISSING, field="path") from None


def _chunks(file: "BinaryIO | pa.NativeFile") -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield bytes(chunk)
