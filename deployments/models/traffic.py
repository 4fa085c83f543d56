"""What the gateway counted: one row per deployment, minute and gateway process."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Self

import orjson
from django.db import models
from django.db.models import F, Max, Sum
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from deployments.models.figures import Figures

MINUTE_S = 60
HOUR_S = 3600
LIFETIME_S = 0


class TrafficWindowQuerySet(models.QuerySet["TrafficWindow"]):
    def since(self, moment: datetime) -> Self:
        """Windows that begin at the moment or after it."""
        return self.filter(starts_at__gte=moment)

    def totals(self, deployment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Figures]:
        """Return the sums per deployment in one query, without histograms."""
        return self.filter(deployment__in=list(deployment_ids)).sums()

    def histograms(self) -> dict[uuid.UUID, dict[str, int]]:
        """Return the merged histograms per deployment in one query.

        A deployment has thousands of windows, so no objects are made of them.
        """
        merged: defaultdict[uuid.UUID, dict[str, int]] = defaultdict(dict)
        rows = self.order_by().annotate(text=Cast("histogram", models.TextField()))
        pairs = rows.values_list("deployment_id", "text")
        for pk, text in pairs.iterator(chunk_size=2000):
            total = merged[pk]
            for number, count in orjson.loads(text).items():
                total[number] = total.get(number, 0) + count
        return dict(merged)

    def figures(self) -> Figures:
        """Return all of these windows together, histograms included."""
        histograms = self.histograms()
        whole = [
            replace(sums, histogram=histograms.get(pk, {}))
            for pk, sums in self.sums().items()
        ]
        return sum(whole, Figures())

    def sums(self) -> dict[uuid.UUID, Figures]:
        """Return what these windows add up to, by deployment, without histograms."""
        rows = (
            self.order_by()
            .values("deployment_id")
            .annotate(
                requests=Sum("request_count"),
                errors=Sum("error_count"),
                client_errors=Sum("client_error_count"),
                rejected=Sum("rejected_count"),
                total_ms=Sum("sum_ms"),
                longest_ms=Max("max_ms"),
                newest=Max("starts_at"),
            )
        )
        return {
            row["deployment_id"]: Figures(
                row["requests"],
                row["errors"],
                row["client_errors"],
                row["rejected"],
                row["total_ms"],
                row["longest_ms"],
                last_updated=row["newest"],
            )
            for row in rows
        }

    def series(self, start: datetime, step_s: int, count: int) -> list[Figures]:
        """Return `count` figures of `step_s` seconds each, the oldest first."""
        points = [Figures()] * count
        for row in self.since(start).exclude(seconds=LIFETIME_S).iterator():
            position = int((row.starts_at - start).total_seconds()) // step_s
            if position < count:
                points[position] = points[position] + row.figures
        return points


class TrafficWindow(models.Model):
    """Counts of one window. Each gateway writes rows of its own, so none is lost.

    Minutes come from gateways; hours, and the one row of `seconds` 0 that holds
    everything older, are rolled up from them and have no gateway. For the counts see
    `Figures`. `histogram` maps a log bucket's number to its count
    (`deployments.gateway.histogram`).
    """

    deployment = models.ForeignKey(
        "deployments.Deployment", models.CASCADE, related_name="windows", db_index=False
    )
    starts_at = models.DateTimeField(_("starts"))
    seconds = models.PositiveIntegerField(_("length (s)"), default=MINUTE_S)
    gateway = models.CharField(_("gateway"), max_length=32, blank=True)
    request_count = models.BigIntegerField(_("requests"), default=0)
    error_count = models.BigIntegerField(_("errors"), default=0)
    client_error_count = models.BigIntegerField(_("client errors"), default=0)
    rejected_count = models.BigIntegerField(_("turned away"), default=0)
    sum_ms = models.FloatField(default=0.0)
    max_ms = models.FloatField(default=0.0)
    histogram = models.JSONField(default=dict)

    objects = TrafficWindowQuerySet.as_manager()

    class Meta:
        ordering = ("deployment", "-starts_at")
        verbose_name = _("traffic window")
        verbose_name_plural = _("traffic windows")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["deployment", "starts_at", "seconds", "gateway"],
                name="traffic_window",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(F("seconds"), F("starts_at"), name="traffic_by_age")
        ]

    def __str__(self) -> str:
        return f"{self.deployment} {self.starts_at:%H:%M}"

    @property
    def figures(self) -> Figures:
        return Figures(
            self.request_count,
            self.error_count,
            self.client_error_count,
            self.rejected_count,
            self.sum_ms,
            self.max_ms,
            self.histogram,
            self.starts_at,
        )
