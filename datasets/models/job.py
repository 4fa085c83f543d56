"""The job of reading a version's files: who has it, how far it is, who stopped it."""

import os
import socket
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlops.core.queues import Waiting
from mlops.worker.registration import wake_on_commit

if TYPE_CHECKING:
    from datasets.models.version import DatasetVersion

LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 3


class IngestJobQuerySet(models.QuerySet["IngestJob"]):
    def open(self) -> Self:
        """Jobs that are not done, leased or not."""
        return self.filter(finished_at=None)

    def claimable(self, now: datetime) -> Self:
        """Open jobs without a lease, or with an expired one, oldest first."""
        free = Q(lease_until=None) | Q(lease_until__lt=now)
        return self.open().filter(free).order_by("pk")

    def waiting(self) -> Waiting:
        """Return the jobs that no worker has finished, and when the oldest was made."""
        return Waiting.of(self.open(), "version__created_at")

    def to_compare(self) -> Self:
        """Finished jobs whose version was not compared with the one before it."""
        found = self.filter(finished_at__isnull=False, compared_at=None)
        return found.select_related("version__dataset").order_by("pk")

    def begin(self, version: "DatasetVersion", *, is_read: bool) -> "IngestJob":
        """Make the job of a version; of one that is read already, it is the caller's.

        The caller then holds it from its first moment, and has it to finish: no
        worker comes in between, but one takes it over when the lease ends.
        """
        job = IngestJob(version=version, bytes_total=version.source_bytes)
        if is_read:
            job.worker, job.attempt = this_worker(), 1
            job.started_at = timezone.now()
            job.lease_until = job.started_at + LEASE
        else:
            wake_on_commit()
        job.save(force_insert=True)
        return job

    def claim_next(self, worker: str) -> "IngestJob | None":
        """Take the oldest free job for `worker`; None when there is none.

        Compare-and-swap on the attempt number: of two workers one wins.
        """
        for job in self.claimable(timezone.now())[:10]:
            if job.claim(worker):
                return job
        return None


def let_go_of_all() -> list[str]:
    """Free every open job, as in a copy, whose workers are not the original's."""
    open_jobs = IngestJob.objects.open()
    open_jobs.exclude(worker="").update(worker="", lease_until=None)
    count = open_jobs.count()
    return [f"{count} uploads are still to be read."] if count else []


class IngestJob(models.Model):
    """A job that reads one version. A worker holds it by a lease, which it renews."""

    version = models.OneToOneField(
        "datasets.DatasetVersion", models.CASCADE, related_name="job"
    )
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    first_attempt = models.PositiveIntegerField(default=0, editable=False)
    worker = models.CharField(_("worker"), max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, editable=False)
    bytes_total = models.BigIntegerField(_("bytes in all"), default=0)
    bytes_done = models.BigIntegerField(_("bytes read"), default=0)
    rows_done = models.BigIntegerField(_("rows read"), default=0)
    cancel_requested_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, editable=False)
    # The worker claims open jobs, few of many: those that have not finished.
    finished_at = models.DateTimeField(
        _("finished"), null=True, editable=False, db_index=True
    )
    compared_at = models.DateTimeField(
        _("compared with the version before"), null=True, editable=False
    )

    objects = IngestJobQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("reading job")
        verbose_name_plural = _("reading jobs")
        indexes: ClassVar[list[models.Index]] = [
            # The worker asks what is read and not compared yet; few of many rows are.
            models.Index(
                fields=["id"],
                condition=Q(compared_at=None, finished_at__isnull=False),
                name="jobs_to_compare",
            )
        ]

    EXHAUSTED: ClassVar[str] = (
        f"The reader died {MAX_ATTEMPTS} times on this file; it was given up."
    )

    def __str__(self) -> str:
        return f"{self.version_id}, attempt {self.attempt}"

    def claim(self, worker: str) -> bool:
        """Claim the job by compare-and-swap; return whether this worker won."""
        now = timezone.now()
        won = IngestJob.objects.filter(
            pk=self.pk, attempt=self.attempt, finished_at=None
        ).filter(Q(lease_until=None) | Q(lease_until__lt=now))
        if not won.update(
            worker=worker,
            attempt=F("attempt") + 1,
            lease_until=now + LEASE,
            started_at=now,
            bytes_done=0,
            rows_done=0,
        ):
            return False
        self.refresh_from_db()
        return True

    def let_go(self) -> str:
        """Free a job whose lease is over; return what was done, "" if it is not."""
        free = IngestJob.objects.open().filter(pk=self.pk, attempt=self.attempt)
        freed = free.filter(lease_until__lt=timezone.now()).update(
            worker="", lease_until=None
        )
        return f"freed the reading of version {self.version_id}" if freed else ""

    def report(self, *, bytes_done: int, rows_done: int) -> bool:
        """Write the progress and renew the lease; False if the lease is lost.

        It is lost when the job was cancelled or another worker claimed it.
        """
        return bool(
            self._ours()
            .filter(cancel_requested_at=None)
            .update(
                bytes_done=bytes_done,
                rows_done=rows_done,
                lease_until=timezone.now() + LEASE,
            )
        )

    def renew(self) -> bool:
        """Renew the lease between two long steps; False if it is lost."""
        return self.report(bytes_done=self.bytes_done, rows_done=self.rows_done)

    def release(self) -> None:
        """Let another worker claim the job now, not only when the lease has expired."""
        wake_on_commit()
        self._ours().update(worker="", lease_until=None)

    def finish(self) -> bool:
        """Close the job; if this returns False, the lease is lost: write nothing."""
        wake_on_commit()
        return bool(
            self._ours().update(
                finished_at=timezone.now(),
                lease_until=None,
                bytes_done=F("bytes_total"),
            )
        )

    def note_compared(self) -> None:
        """Keep that the version was compared, or that there is nothing to compare."""
        IngestJob.objects.filter(pk=self.pk).update(compared_at=timezone.now())

    def request_cancel(self) -> None:
        """Close the job; its worker notices at its next report."""
        now = timezone.now()
        IngestJob.objects.filter(pk=self.pk).update(
            cancel_requested_at=now, finished_at=now, lease_until=None
        )

    def reset(self) -> None:
        """Reopen the job with a full number of attempts."""
        IngestJob.objects.filter(pk=self.pk).update(
            attempt=F("attempt") + 1,
            worker="",
            lease_until=None,
            cancel_requested_at=None,
            finished_at=None,
            compared_at=None,
            started_at=None,
            bytes_done=0,
            rows_done=0,
            first_attempt=F("attempt"),
        )
        wake_on_commit()

    @property
    def is_exhausted(self) -> bool:
        """Whether the job killed its worker too often to be tried again."""
        return self.attempt - self.first_attempt > MAX_ATTEMPTS

    @property
    def share_done(self) -> float:
        """Progress of the job, in [0, 1]."""
        return self.bytes_done / self.bytes_total if self.bytes_total else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds until the end by the pace so far; None before there is a pace."""
        if self.started_at is None or not self.bytes_done or self.finished_at:
            return None
        spent = (timezone.now() - self.started_at).total_seconds()
        left = max(self.bytes_total - self.bytes_done, 0)
        return spent * left / self.bytes_done

    def _ours(self) -> models.QuerySet["IngestJob"]:
        return IngestJob.objects.filter(
            pk=self.pk, attempt=self.attempt, finished_at=None
        )


def this_worker() -> str:
    """Return a name for whoever takes a job now: machine, process, and this time."""
    return f"{socket.gethostname()[:60]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
