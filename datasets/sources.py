"""Where the files of a new version come from: the form, uploads, connections."""

from typing import Any

from datasets import connections
from datasets.errors import EmptyFile
from datasets.models import StorageConnection, UploadSession
from datasets.storage import IncomingFile
from mlops.core.models import User


def taken(fields: dict[str, Any], *, by: User | None) -> list[IncomingFile]:
    """Take the files out of a validated body; they are on disk and complete.

    Raises EmptyFile, UploadNotFound, IllegalMove or ConnectionNotFound; no upload is
    used up when another one of them is not whole.
    """
    uploads = fields.pop("upload_id", None) or []
    forms = fields.pop("file", None) or []
    connection, path = fields.pop("connection", None), fields.pop("path", None)
    found = [UploadSession.objects.find(text, by=by) for text in dict.fromkeys(uploads)]
    for upload in found:
        upload.require_whole()
    files = [form.incoming for form in forms]
    if connection:
        files.append(
            connections.fetch(StorageConnection.objects.named(connection), path)
        )
    files += [upload.complete() for upload in found]
    for file in files:
        if not file.size_bytes:
            _discard(files)
            raise EmptyFile(f"The file {file.name!r} is empty.", field="file")
    return files


def _discard(files: list[IncomingFile]) -> None:
    for file in files:
        file.discard()
