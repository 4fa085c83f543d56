"""Reads objects of the storage connections that an admin has configured.

A client names a connection and an object in it; it never gives an address.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import pyarrow as pa
from pyarrow import fs

from datasets import storage
from datasets.errors import ObjectNotFound
from datasets.models.connection import ConnectionKind, StorageConnection
from datasets.storage import IncomingFile

CHUNK_BYTES = 1 << 20
MISSING = "There is no such object in this connection."


def fetch(connection: StorageConnection, path: str) -> IncomingFile:
    """Copy an object to where uploads are. Raises ObjectNotFound or TooLarge."""
    relative = PurePosixPath(path)
    if relative.is_absolute() or ".." in relative.parts or "\x00" in path:
        raise ObjectNotFound(MISSING, field="path")
    if connection.kind == ConnectionKind.FOLDER:
        chunks = _folder_chunks(connection.root(), relative)
    else:
        chunks = _bucket_chunks(connection, relative)
    return storage.receive(relative.name, chunks)


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


def _bucket_chunks(
    connection: StorageConnection, relative: PurePosixPath
) -> Iterator[bytes]:
    scheme, _, host = connection.endpoint.rpartition("://")
    bucket = fs.S3FileSystem(
        access_key=connection.access_key or None,
        secret_key=os.environ.get(connection.secret_variable) or None,
        endpoint_override=host or None,
        scheme=scheme or "https",
        region=connection.region or None,
        connect_timeout=5,
        request_timeout=30,
    )
    key = "/".join(
        part
        for part in (connection.bucket, connection.prefix.strip("/"), str(relative))
        if part
    )
    try:
        with bucket.open_input_stream(key) as stream:
            yield from _chunks(stream)
    except (OSError, pa.ArrowException):
        raise ObjectNotFound(MISSING, field="path") from None


def _chunks(file: BinaryIO | pa.NativeFile) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield bytes(chunk)
