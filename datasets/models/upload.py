"""Uploads that a client may interrupt and go on with, chunk by chunk."""

import fcntl
import hashlib
import os
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets import storage
from datasets.errors import FileTooLarge, IllegalMove, OffsetMismatch, UploadNotFound
from datasets.storage import IncomingFile
from mlops.core import audit
from mlops.core.blobs.drafts import sync
from mlops.core.byte_store import byte_store
from mlops.core.models import User

LIFETIME = timedelta(days=1)


class UploadSessionQuerySet(models.QuerySet["UploadSession"]):
    def find(self, text: str, *, by: User | None) -> "UploadSession":
        """Return the caller's own upload; another's looks as if it did not exist."""
        try:
            return self.get(pk=uuid.UUID(text), created_by=by)
        except (UploadSession.DoesNotExist, ValueError):
            raise UploadNotFound(
                f"There is no upload {text!r} of yours.", field="upload_id"
            ) from None

    def expired(self) -> models.QuerySet["UploadSession"]:
        return self.filter(updated_at__lt=timezone.now() - LIFETIME)


class UploadSession(models.Model):
    """A file that arrives in chunks; the bytes on disk say how far it is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=255)
    size_bytes = models.BigIntegerField(_("bytes"))
    offset = models.BigIntegerField(_("bytes received"), default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = UploadSessionQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def begin(cls, name: str, size_bytes: int, *, by: User | None) -> "UploadSession":
        """Open an upload of exactly `size_bytes`. Raises FileTooLarge."""
        if size_bytes > settings.MAX_UPLOAD_BYTES:
            raise FileTooLarge(
                f"The file is larger than {settings.MAX_UPLOAD_BYTES} bytes.",
                field="size_bytes",
            )
        with transaction.atomic():
            upload = cls.objects.create(
                name=storage.label(name), size_bytes=size_bytes, created_by=by
            )
            audit.record("begin_upload", upload, by=by)
        upload.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        upload.path.touch(mode=0o600)
        sync(upload.path.parent)
        return upload

    def append(self, offset: int, chunks: Iterable[bytes]) -> int:
        """Write a chunk where the last one ended; return the new offset.

        What arrived before a connection broke is kept. The bytes are synced before
        the offset is, so a row never promises more than the disk has. Raises
        OffsetMismatch, also when two chunks race, FileTooLarge, and UploadNotFound
        once the file was taken: a new one would begin with a hole.
        """
        try:
            descriptor = os.open(self.path, os.O_WRONLY)
        except FileNotFoundError:
            raise self._gone() from None
        with os.fdopen(descriptor, "wb") as file:
            self._lock(descriptor)
            self._require_offset(offset)
            file.seek(offset)
            try:
                for chunk in chunks:
                    self._refuse_surplus(file.tell() + len(chunk))
                    file.write(chunk)
            finally:
                file.flush()
                os.fsync(file.fileno())
                self._advance(offset, min(file.tell(), self.size_bytes))
        return self.offset

    def complete(self) -> IncomingFile:
        """Turn a whole upload into an incoming file, once.

        Raises IllegalMove before it is whole, UploadNotFound when it was taken.
        """
        self.require_whole()
        try:
            file = IncomingFile(self.name, self.size_bytes, _sha256(self.path))
            byte_store().adopt(file.key, self.path)
        except FileNotFoundError:
            raise self._gone() from None
        self.delete()
        return file

    def require_whole(self) -> None:
        """Raise IllegalMove unless every byte has arrived."""
        if self.offset != self.size_bytes:
            raise IllegalMove(
                f"The upload has {self.offset} of {self.size_bytes} bytes.",
                field="upload_id",
            )

    def discard(self) -> None:
        """Delete the upload and its bytes."""
        self.path.unlink(missing_ok=True)
        self.delete()

    @property
    def path(self) -> Path:
        return storage.partial_path(self.id)

    @property
    def expires_at(self) -> datetime:
        return self.updated_at + LIFETIME

    def _gone(self) -> UploadNotFound:
        return UploadNotFound("This upload was taken already.", field="upload_id")

    def _lock(self, descriptor: int) -> None:
        """Hold the file for this chunk; a second writer would mix its bytes in."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OffsetMismatch(
                "Another chunk of this upload is being written.", field="offset"
            ) from None

    def _require_offset(self, offset: int) -> None:
        self.refresh_from_db(fields=["offset"])
        if offset != self.offset:
            raise OffsetMismatch(
                f"This upload is at byte {self.offset}, not {offset}.", field="offset"
            )

    def _refuse_surplus(self, end: int) -> None:
        if end > self.size_bytes:
            raise FileTooLarge(
                f"The upload was announced with {self.size_bytes} bytes.", field="file"
            )

    def _advance(self, start: int, end: int) -> None:
        moved = UploadSession.objects.filter(pk=self.pk, offset=start).update(
            offset=end, updated_at=timezone.now()
        )
        if not moved:
            raise OffsetMismatch("Another chunk came first.", field="offset")
        self.offset = end


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
