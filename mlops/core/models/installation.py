"""Which installation this is, and what became of its backups."""

import uuid
from datetime import datetime
from typing import Any

from django.db import models

ONLY = 1


class Installation(models.Model):
    """The one row that tells this installation from copies of it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY)
    uid = models.UUIDField(default=uuid.uuid4, editable=False)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.uid)

    @classmethod
    def current(cls) -> "Installation":
        """Return the row, made when it is first asked for."""
        return cls.objects.get_or_create(pk=ONLY)[0]

    @classmethod
    def renew(cls) -> "Installation":
        """Become another installation, as a copy does."""
        return cls.objects.update_or_create(pk=ONLY, defaults={"uid": uuid.uuid4()})[0]


class BackupRecord(models.Model):
    """A backup that ended well, and when somebody last tried to restore one.

    `restore_tried_at` is what the folder of backups says: who restores one leaves word
    there, and the next backup reads it.
    """

    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(auto_now_add=True)
    name = models.CharField(max_length=100)
    folder = models.CharField(max_length=1000)
    is_good = models.BooleanField()
    written_bytes = models.BigIntegerField()
    restore_tried_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.name

    @classmethod
    def keep(cls, *, folder: str, **columns: Any) -> "BackupRecord":
        """Put a backup that has ended on record."""
        return cls.objects.create(folder=folder[:1000], **columns)

    @classmethod
    def last_good(cls) -> datetime | None:
        """Return when the newest backup began in which nothing was missing."""
        good = cls.objects.filter(is_good=True).order_by("-began_at")
        return good.values_list("began_at", flat=True).first()

    @classmethod
    def last_tried(cls) -> datetime | None:
        """Return when a restore was last tried."""
        last = cls.objects.aggregate(last=models.Max("restore_tried_at"))["last"]
        return last if isinstance(last, datetime) else None
