"""Takes the files of multipart forms straight to the byte store, where they stay."""

import contextlib
from typing import Any, ClassVar

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import (
    FileUploadHandler,
    TemporaryFileUploadHandler,
)
from rest_framework.request import Request
from rest_framework.response import Response

from mlops.core.blobs import CHUNK_BYTES, Received, Writing
from mlops.core.byte_store import byte_store
from mlops.core.errors import TooLarge
from mlops.core.idempotency import REPLAYED
from mlops.core.viewsets import ApiViewSet

FORM_BYTES = 1 << 20
"""Bytes that a form may be longer than its file."""
_REFUSALS = range(400, 500)


class TidyUploadHandler(TemporaryFileUploadHandler):
    """Django's own leaves a file that met a full disk to the garbage collector."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep the chunk. Raises OSError; then the file is gone."""
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:
            with contextlib.suppress(OSError):
                self.file.close()
            raise


class ReceivedUpload(UploadedFile[Any]):
    """A file of a form that is completely in the byte store, where it stays."""

    def __init__(self, received: Received, name: str, content_type: str | None) -> None:
        file = byte_store().open(received.key)
        super().__init__(file, name, content_type, received.size_bytes)
        self.received = received
        self.sha256 = received.sha256


class ReceivingHandler(FileUploadHandler):
    """Receives each file of a form under a `new_key`."""

    chunk_size = CHUNK_BYTES
    file: Writing  # Django closes it when a request breaks

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.received: list[Received] = []

    def new_key(self) -> str:
        """Return the key that the next file gets."""
        raise NotImplementedError

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
            raise TooLarge(
                f"The request is larger than {settings.MAX_UPLOAD_BYTES} bytes.",
                field="file",
            )

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        most = settings.MAX_UPLOAD_BYTES
        self.file = byte_store().writing(self.new_key(), max_bytes=most)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep the chunk. Raises TooLarge or OSError; then nothing is left."""
        try:
            self.file.write(raw_data)
        except (TooLarge, OSError):
            self.discard()
            raise

    def file_complete(self, file_size: int) -> ReceivedUpload:
        """Return the file. Raises OSError; then nothing is left."""
        try:
            received = self.file.complete()
        except OSError:
            self.discard()
            raise
        self.received.append(received)
        return self.taken(received)

    def taken(self, received: Received) -> ReceivedUpload:
        """Return the file as the form shows it."""
        return ReceivedUpload(received, self.file_name or "", self.content_type)

    def discard(self) -> None:
        """Delete everything that this request brought."""
        self.upload_interrupted()
        for received in self.received:
            byte_store().delete(received.key)

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


class ReceivingViewSet(ApiViewSet):
    """Receives the files of a form before its handler is called.

    Who was refused, or got the kept answer to an earlier request, leaves no file. A
    failure of ours leaves it to the sweep: its row may have been written all the same.
    """

    upload_handler: ClassVar[type[ReceivingHandler]]

    def initialize_request(self, request: Any, *args: Any, **kwargs: Any) -> Request:
        self.incoming = self.upload_handler(request)
        request.upload_handlers = [self.incoming]
        return super().initialize_request(request, *args, **kwargs)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        if response.status_code in _REFUSALS or REPLAYED in response:
            self.incoming.discard()
        return super().finalize_response(request, response, *args, **kwargs)
