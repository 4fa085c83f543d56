"""Takes the files of a form to `incoming`, where datasets are read from.

The name that the client gives is a label and never reaches the file system.
"""

import uuid

from datasets import storage
from datasets.storage import IncomingFile
from mlops.core.blobs import Received
from mlops.core.uploads import ReceivedUpload, ReceivingHandler


class IncomingUpload(ReceivedUpload):
    """A file of a form whose bytes are complete under `incoming`."""

    def __init__(self, received: Received, name: str, content_type: str | None) -> None:
        super().__init__(received, storage.label(name), content_type)
        self.incoming = IncomingFile(
            storage.label(name),
            received.size_bytes,
            received.sha256,
            uuid.UUID(received.key.rpartition("/")[2]),
        )


class IncomingHandler(ReceivingHandler):
    """Django's upload handler for dataset files."""

    def new_key(self) -> str:
        return storage.incoming_key(uuid.uuid4())

    def taken(self, received: Received) -> IncomingUpload:
        return IncomingUpload(received, self.file_name or "", self.content_type)
