"""Takes the files of a multipart request straight to where they stay.

One write per byte: hashed on the way, synced and renamed when complete. The name
that the client gives is a label and never reaches the file system.
"""

import hashlib
import os
import uuid
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from datasets import storage
from datasets.errors import FileTooLarge
from datasets.storage import IncomingFile

FORM_BYTES = 1 << 20


class IncomingUpload(UploadedFile[Any]):
    """A file of a form whose bytes are complete under `incoming`."""

    def __init__(self, incoming: IncomingFile, content_type: str | None) -> None:
        super().__init__(
            incoming.path.open("rb"),
            incoming.name,
            content_type,
            incoming.size_bytes,
        )
        self.incoming = incoming


class _Writer:
    """A file that is being received; closing it before its end deletes it."""

    def __init__(self, name: str) -> None:
        self.id = uuid.uuid4()
        self.name = storage.label(name)
        self.path = storage.incoming_path(self.id)
        self.part = self.path.with_name(f"{self.path.name}.part")
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self.file = os.fdopen(descriptor, "wb")
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > settings.MAX_UPLOAD_BYTES:
            self.close()
            raise FileTooLarge(
                f"The file is larger than {settings.MAX_UPLOAD_BYTES} bytes.",
                field="file",
            )
        self.digest.update(chunk)
        self.file.write(chunk)

    def complete(self) -> IncomingFile:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.part.replace(self.path)
        storage.sync(self.path.parent)
        return IncomingFile(self.name, self.size, self.digest.hexdigest(), self.id)

    def close(self) -> None:
        self.file.close()
        self.part.unlink(missing_ok=True)


class IncomingHandler(FileUploadHandler):
    """Django's upload handler for dataset files."""

    chunk_size = 1 << 20
    file: _Writer  # Django closes it when a request breaks

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.received: list[IncomingFile] = []

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: Any,
        encoding: str | None = None,
    ) -> None:
        """Refuse a request that says itself that it is too long."""
        if content_length > settings.MAX_UPLOAD_BYTES + FORM_BYTES:
            raise FileTooLarge(
                f"The request is larger than {settings.MAX_UPLOAD_BYTES} bytes.",
                field="file",
            )

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = _Writer(self.file_name or "")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> IncomingUpload:
        incoming = self.file.complete()
        self.received.append(incoming)
        return IncomingUpload(incoming, self.content_type)

    def discard(self) -> None:
        """Delete everything that this request brought."""
        self.upload_interrupted()
        for incoming in self.received:
            incoming.discard()

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
