"""Sources of a new version's files: the form, uploads, connections."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from datasets import connections, storage
from datasets.analytics import ingest
from datasets.errors import EmptyFile, IllegalMove
from datasets.models import DatasetVersion, StorageConnection, UploadSession
from datasets.storage import IncomingFile
from mlops.core.models import User


def received_files(fields: dict[str, Any], *, by: User | None) -> list[IncomingFile]:
    """Return the files of a validated body; they are on disk and complete.

    Raises EmptyFile, UploadNotFound, IllegalMove or ConnectionNotFound. No upload is
    consumed if another one of them is incomplete.
    """
    uploads = fields.pop("upload_id", None) or []
    forms = fields.pop("file", None) or []
    connection, path = fields.pop("connection", None), fields.pop("path", None)
    found = [UploadSession.objects.find(text, by=by) for text in dict.fromkeys(uploads)]
    for upload in found:
        upload.require_whole()
    files = [form.incoming for form in forms]
    if connection:
        files += connections.fetch(StorageConnection.objects.named(connection), path)
    files += [upload.complete() for upload in found]
    for file in files:
        if not file.size_bytes:
            _discard(files)
            raise EmptyFile(f"The file {file.name!r} is empty.", field="file")
    return files


@contextmanager
def previewed_files(
    fields: dict[str, Any], *, by: User | None
) -> Iterator[list[ingest.InputFile]]:
    """Yield the files of a validated body for a preview: uploads are not used up.

    Raises UploadNotFound, IllegalMove or ConnectionNotFound.
    """
    texts = dict.fromkeys(fields.get("upload_id") or [])
    uploads = [UploadSession.objects.find(text, by=by) for text in texts]
    for upload in uploads:
        upload.require_whole()
    own = [form.incoming for form in fields.get("file") or []]
    if name := fields.get("connection"):
        connection = StorageConnection.objects.named(name)
        own += connections.fetch(connection, fields["path"])
    files = [ingest.InputFile(upload.path, upload.name) for upload in uploads]
    try:
        yield files + [ingest.InputFile(file.path, file.name) for file in own]
    finally:
        _discard(own)


def kept_files(version: DatasetVersion) -> list[IncomingFile]:
    """Take the kept files of a version once more, as files of their own.

    Raises IllegalMove when they are gone, or are not the whole of it.
    """
    if version.appended_to_id is not None:
        raise IllegalMove(
            f"The rows of {version} were appended to another version: its files are"
            " not the whole of it. Make that version current and append them anew."
        )
    made_of = tuple(uuid.UUID(first["id"]) for first in version.made_of)
    return [
        replace(
            storage.linked(file.name, file.size_bytes, file.sha256, file.key),
            made_of=made_of,
        )
        for file in version.require_files()
    ]


def _discard(files: list[IncomingFile]) -> None:
    for file in files:
        file.discard()
