"""Pins: leases that keep the store's files in place while a backup copies them."""

import uuid
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from django.db import models
from django.db.models.functions import Now

LEASE: Final = timedelta(minutes=5)
"""How long a pin holds without being renewed: a killed backup holds nothing longer."""


class PinLost(Exception):
    """The pin ran out before it was renewed: files may be gone that it was to keep."""


class FilePin(models.Model):
    """Nothing that rows named is deleted from the store before `expires_at`.

    Times are the database's, so that clocks of machines may be apart.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    holder = models.CharField(max_length=100)
    # Every deletion of a file asks whether a pin holds.
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.holder

    @classmethod
    def take(cls, holder: str) -> uuid.UUID:
        """Pin the files; return the id of the pin. Dead pins go on the way."""
        cls.objects.filter(expires_at__lte=Now()).delete()
        return cls.objects.create(holder=holder, expires_at=Now() + LEASE).pk

    @classmethod
    def renew(cls, pin: uuid.UUID) -> None:
        """Hold the files for another lease. Raises PinLost if it ran out before."""
        held = cls.objects.filter(pk=pin, expires_at__gt=Now())
        if not held.update(expires_at=Now() + LEASE):
            raise PinLost

    @classmethod
    def release(cls, pin: uuid.UUID) -> None:
        cls.objects.filter(pk=pin).delete()

    @classmethod
    def is_held(cls) -> bool:
        """Whether files have to stay."""
        return cls.objects.filter(expires_at__gt=Now()).exists()


class DelayedDeletion(models.Model):
    """A file that nothing needs but a backup: it goes when no pin holds any more.

    Keys are given out once, so nobody writes another file under one that is due. A
    whole content may come back: one whose key ends in `/` is left to the sweep, which
    asks the rows, and is only known here for a day.
    """

    key = models.CharField(primary_key=True, max_length=512)
    asked_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.key

    @classmethod
    def ask(cls, key: str) -> None:
        DelayedDeletion.objects.bulk_create(
            [DelayedDeletion(key=key)], ignore_conflicts=True
        )

    @classmethod
    def due(cls) -> models.QuerySet["DelayedDeletion"]:
        """Return files, and contents that the sweep has had a day for."""
        is_content = models.Q(key__endswith="/")
        is_over = models.Q(asked_at__lt=Now() - timedelta(days=1))
        return DelayedDeletion.objects.filter(~is_content | is_over)

    @classmethod
    def done(cls, keys: Iterable[str]) -> None:
        cls.objects.filter(pk__in=list(keys)).delete()
