"""What is remembered of requests: their answers by key, and how many came."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class IdempotencyRecord(models.Model):
    """The first answer to a caller's `Idempotency-Key`.

    `status` is null while the first request is still at work; its claim ends at
    `running_until`, so that the key of a killed process becomes free again.
    """

    caller = models.CharField(max_length=64)
    key = models.CharField(max_length=255)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=2000)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=bytes)
    # Housekeeping deletes keys older than a day.
    created_at = models.DateTimeField(db_index=True)
    running_until = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Of two requests with one key at the same moment one inserts, and acts.
            models.UniqueConstraint(
                fields=["caller", "key"], name="one_answer_of_a_caller_and_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.key}"

    def forget(self) -> str:
        """Forget a request that never ended; return what was done, "" if it has."""
        running = IdempotencyRecord.objects.filter(pk=self.pk, status=None)
        gone, _ = running.filter(running_until__lt=timezone.now()).delete()
        return f"forgot that {self} began" if gone else ""

    @classmethod
    def forget_running(cls) -> None:
        """Forget requests that were at work in an installation that was copied."""
        cls.objects.filter(status=None).delete()


class RateCount(models.Model):
    """How many requests of a kind a caller made in one time window.

    In the database, so that all processes count together without another server.
    """

    kind = models.CharField(max_length=16)
    caller = models.CharField(max_length=64)
    window = models.BigIntegerField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two processes that open a window at once: the second adds to the first's
            # row.
            models.UniqueConstraint(
                fields=["kind", "caller", "window"], name="one_count_of_a_window"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.caller}: {self.count}"
