"""Metrics: every point that was logged, and the newest of each."""

import math
from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from lifecycle.models.key import Key
from lifecycle.store.points import NewPoint, Snapshot

__all__ = ["LatestMetric", "MetricPoint", "NewPoint", "Snapshot"]


class MetricPoint(models.Model):
    """One value of a metric at a step. NaN is `is_nan` with the value 0.

    `dataset` tells apart the same metric on several datasets ("" if it was not
    said). The same point again is the same row.
    """

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="metric_points", db_index=False
    )
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    dataset = models.CharField(_("dataset"), max_length=500, blank=True)
    step = models.BigIntegerField(_("step"))
    timestamp_ms = models.BigIntegerField(_("time"))
    value = models.FloatField(_("value"))
    is_nan = models.BooleanField(_("not a number"), default=False)

    class Meta:
        verbose_name = _("metric point")
        verbose_name_plural = _("metric points")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A point that is sent again, as clients do after a time-out, is the same
            # row.
            models.UniqueConstraint(
                fields=[
                    "run",
                    "key",
                    "dataset",
                    "step",
                    "timestamp_ms",
                    "value",
                    "is_nan",
                ],
                name="metric_point",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}@{self.step}"

    @property
    def special(self) -> str | None:
        """NaN, Infinity or -Infinity, where the value is no finite number."""
        return _special(self.value, is_nan=self.is_nan)


class LatestMetricQuerySet(models.QuerySet["LatestMetric"]):
    def newest(self) -> Self:
        """Metrics with their names, by name; one without a dataset comes first."""
        return self.select_related("key").order_by("key__name", "dataset")


class LatestMetric(models.Model):
    """The newest point of a metric: the largest (step, time, value)."""

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="latest_metrics", db_index=False
    )
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    dataset = models.CharField(_("dataset"), max_length=500, blank=True)
    step = models.BigIntegerField(_("step"))
    timestamp_ms = models.BigIntegerField(_("time"))
    value = models.FloatField(_("value"))
    is_nan = models.BooleanField(_("not a number"), default=False)

    objects = LatestMetricQuerySet.as_manager()

    class Meta:
        verbose_name = _("latest metric")
        verbose_name_plural = _("latest metrics")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one metric at once: the newer point wins in one row.
            models.UniqueConstraint(
                fields=["run", "key", "dataset"], name="latest_metric"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Filters and orders by a metric; NaN stands behind all values.
            models.Index(
                fields=["key", "is_nan", "value", "run"], name="latest_metric_walk"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

    @property
    def special(self) -> str | None:
        """NaN, Infinity or -Infinity, where the value is no finite number."""
        return _special(self.value, is_nan=self.is_nan)

    @property
    def is_finite(self) -> bool:
        """Whether the value is a number that JSON can carry."""
        return self.special is None


def _special(value: float, *, is_nan: bool) -> str | None:
    if is_nan:
        return "NaN"
    if math.isfinite(value):
        return None
    return "Infinity" if value > 0 else "-Infinity"
