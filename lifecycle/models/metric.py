"""Metrics: every point that was logged, and the newest of each."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from lifecycle.models.key import Key
from lifecycle.times import now_ms


@dataclass(frozen=True, slots=True)
class Point:
    """A value to be logged; NaN and infinities are kept as they are."""

    name: str
    value: float
    step: int = 0
    timestamp_ms: int = field(default_factory=now_ms)
    dataset: str = ""


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

    class Meta:
        verbose_name = _("latest metric")
        verbose_name_plural = _("latest metrics")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["run", "key", "dataset"], name="latest_metric"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["key", "is_nan", "value", "run"], name="latest_metric_walk"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


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
