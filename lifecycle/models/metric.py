"""Metrics: every point that was logged, and the newest of each."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from lifecycle.models.key import Key
from lifecycle.times import now_ms

LAST_STEP = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Point:
    """A value to be logged; NaN and infinities are kept as they are."""

    name: str
    value: float
    step: int = 0
    timestamp_ms: int = field(default_factory=now_ms)
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A value to be logged; without a step it is the next of its metric."""

    name: str
    value: float
    dataset: str = ""
    step: int | None = None


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
        if self.is_nan:
            return "NaN"
        if math.isfinite(self.value):
            return None
        return "Infinity" if self.value > 0 else "-Infinity"


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
    def is_finite(self) -> bool:
        """Whether the value is a number that JSON can carry."""
        return not self.is_nan and math.isfinite(self.value)


def write_points(
    run_pk: int, points: Iterable[Point], key_ids: Mapping[str, int]
) -> None:
    """Store points and the newest of each metric, inside the caller's transaction.

    `key_ids` has the id of every name (`Key.intern`). A point that is there already
    is no error, so that a client may send a batch again. Whether the run takes
    points is the caller's question.
    """
    rows = sorted({_row(run_pk, point, key_ids) for point in points})
    if not rows:
        return
    newest = {(row[1], row[2]): row for row in rows}
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT_POINT, rows)
        cursor.executemany(_UPSERT_LATEST, list(newest.values()))


def number_steps(run_pk: int, snapshots: Sequence[Snapshot]) -> list[Point]:
    """Return points; what has no step gets the one after the newest of its metric.

    So a client that only ever sends the present value leaves a curve. The caller
    holds the run.
    """
    newest = LatestMetric.objects.filter(
        run_id=run_pk, key__name__in={snapshot.name for snapshot in snapshots}
    ).values_list("key__name", "dataset", "step")
    steps = {(name, dataset): step for name, dataset, step in newest}
    points = []
    for snapshot in snapshots:
        metric = snapshot.name, snapshot.dataset
        step = snapshot.step
        if step is None:
            step = min(steps.get(metric, -1) + 1, LAST_STEP)
        steps[metric] = max(step, steps.get(metric, step))
        points.append(
            Point(snapshot.name, snapshot.value, step, dataset=snapshot.dataset)
        )
    return points


Row = tuple[int, int, str, int, int, float, bool]


def _row(run_pk: int, point: Point, key_ids: Mapping[str, int]) -> Row:
    is_nan = math.isnan(point.value)
    return (
        run_pk,
        key_ids[point.name],
        point.dataset,
        point.step,
        point.timestamp_ms,
        0.0 if is_nan else float(point.value),
        is_nan,
    )


_COLUMNS = "run_id, key_id, dataset, step, timestamp_ms, value, is_nan"
_VALUES = "VALUES (%s, %s, %s, %s, %s, %s, %s)"
_INSERT_POINT = (
    f"INSERT INTO lifecycle_metricpoint ({_COLUMNS}) {_VALUES} ON CONFLICT DO NOTHING"
)
# An older point that arrives late must not become the newest.
_UPSERT_LATEST = f"""
    INSERT INTO lifecycle_latestmetric AS latest ({_COLUMNS}) {_VALUES}
    ON CONFLICT (run_id, key_id, dataset) DO UPDATE SET
        step = excluded.step, timestamp_ms = excluded.timestamp_ms,
        value = excluded.value, is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp_ms, excluded.value)
        > (latest.step, latest.timestamp_ms, latest.value)
"""
