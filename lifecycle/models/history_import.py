"""An import of a history from elsewhere: how far it is, and what came of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class HistoryImportQuerySet(models.QuerySet["HistoryImport"]):
    def resume_or_begin(
        self, source: str, totals: Mapping[str, int], *, by: int | None
    ) -> "HistoryImport":
        """Return the import of this source that was interrupted, else a new one.

        Only one import works at a time, so that one without an end has been killed.
        """
        found = self.filter(source=source[:_MAX_SOURCE], finished_at=None).first()
        if found is None:
            found = HistoryImport(source=source[:_MAX_SOURCE], started_by_id=by)
        found.runs_total = totals.get("runs", 0)
        found.points_total = totals.get("points", 0)
        found.runs_seen = 0
        found.save()
        return found

    def unfinished(self) -> Self:
        return self.filter(finished_at=None)


_MAX_SOURCE = 500


class HistoryImport(models.Model):
    """One import; `counts` has the rows of each kind that it has committed.

    Its counts are written in the same transaction as the rows, so that they are right
    whenever it is killed. `report` is there once it has finished.
    """

    source = models.CharField(_("source"), max_length=_MAX_SOURCE)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("started by"),
    )
    started_at = models.DateTimeField(_("started"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last sign of life"), auto_now=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    runs_total = models.BigIntegerField(_("runs in all"), default=0)
    runs_seen = models.BigIntegerField(_("runs done"), default=0)
    points_total = models.BigIntegerField(_("points in all"), default=0)
    counts = models.JSONField(_("rows written"), default=dict)
    report = models.JSONField(_("report"), default=dict)

    objects = HistoryImportQuerySet.as_manager()

    class Meta:
        ordering: ClassVar[list[str]] = ["-pk"]
        verbose_name = _("import of a history")
        verbose_name_plural = _("imports of histories")

    def __str__(self) -> str:
        return self.source

    def note(self, counts: Mapping[str, int]) -> None:
        """Add what a part wrote, in its transaction."""
        for kind, number in counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + number
        self.save(update_fields=["counts", "runs_seen", "updated_at"])

    def finish(self, report: Mapping[str, Any]) -> None:
        """Keep what came of it."""
        self.report, self.finished_at = dict(report), timezone.now()
        self.save()

    @property
    def remaining(self) -> timedelta | None:
        """How long the rest takes, as the runs so far tell; None before the first."""
        if self.finished_at is not None or not self.runs_seen:
            return None
        left = max(self.runs_total - self.runs_seen, 0) / self.runs_seen
        return (self.updated_at - self.started_at) * left
