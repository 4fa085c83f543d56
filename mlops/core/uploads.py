"""Parts of forms that are too large for memory, until a view has taken them."""

import contextlib

from django.core.files.uploadhandler import TemporaryFileUploadHandler


class TidyUploadHandler(TemporaryFileUploadHandler):
    """Django's own, which leaves a file that meets a full disk to the collector."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep the chunk. Raises OSError; then the file is gone."""
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:
            with contextlib.suppress(OSError):
                self.file.close()
            raise
