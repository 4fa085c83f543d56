"""Traffic counted by gateways: by minute, by hour, and lifetime totals."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import orjson
from django.db import models
from django.db.models import F, Max, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Cast, NullIf
from django.utils.translation import gettext_lazy as _

from deployments.models.figures import Figures
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_import("numpy")

MINUTE_S = 60
HOUR_S = 3600
LIFETIME_S = 0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_LISTED = str.maketrans({":": ",", **dict.fromkeys('{}" ')})
Key = tuple[uuid.UUID, datetime, int, str]
"""Deployment, beginning, length in seconds, gateway."""
KEY_FIELDS = ("deployment", "starts_at", "seconds", "gateway")
COUNTS = (
    "request_count",
    "error_count",
    "client_error_count",
    "rejected_count",
    "unavailable_count",
    "non_finite_count",
    "refused_anew_count",
)
"""The first fields of `Figures`, in its order."""
LATENCIES = ("sum_ms", "max_ms")
HISTOGRAMS = ("histogram", "correction")


class JoinedTexts(models.Aggregate):
    """Texts with commas between them, in any order."""

    function = "STRING_AGG"
    template = "%(function)s(%(expressions)s, ',')"
    output_field = models.TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Return it as SQLite of any age calls it."""
        return super().as_sql(compiler, connection, function="GROUP_CONCAT", **extra)


class TrafficWindowQuerySet(models.QuerySet["TrafficWindow"]):
    def minutes(self) -> Self:
        return self.filter(seconds=MINUTE_S)

    def hours(self) -> Self:
        return self.filter(seconds=HOUR_S)

    def since(self, moment: datetime) -> Self:
        """Windows that begin at the moment or after it."""
        return self.filter(starts_at__gte=moment)

    def totals(self, deployment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Figures]:
        """Return all that was ever counted, by deployment, in one query."""
        counted = self.model.objects.filter(
            deployment=OuterRef("deployment"), seconds__gt=LIFETIME_S
        )
        newest = counted.order_by("-starts_at").values("starts_at")[:1]
        rows = self.filter(
            deployment__in=list(deployment_ids), starts_at=EPOCH, seconds=LIFETIME_S
        )
        annotated = rows.order_by().annotate(newest=Subquery(newest))
        return {
            row.deployment_id: replace(row.figures, last_updated=row.newest)
            for row in cast("Iterable[Any]", annotated)
        }

    def sums(self, deployment_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Figures]:
        """Return what these windows add up to, by deployment, without histograms.

        They must be of one length: an hour counts its minutes again.
        """
        rows = self.filter(deployment__in=list(deployment_ids)).order_by()
        summed = rows.values_list("deployment").annotate(
            *(Sum(name) for name in COUNTS), Sum("sum_ms"), Max("max_ms")
        )
        return {deployment: Figures(*figures) for deployment, *figures in summed}

    def figures(self) -> Figures:
        """Return all of these windows together, histograms included."""
        return Figures.total(figures for _, figures in self.counted())

    def series(
        self,
        start: datetime,
        step_s: int,
        count: int,
        histograms: tuple[str, ...] = HISTOGRAMS,
    ) -> list[Figures]:
        """Return `count` figures of `step_s` seconds each, the oldest first.

        Steps of whole hours are read from hours, shorter ones from minutes.
        """
        windows = self.minutes() if step_s % HOUR_S else self.hours()
        steps: list[list[Sequence[Any]]] = [[] for _ in range(count)]
        for starts_at, *row in windows.since(start).added("starts_at", histograms):
            position = int((starts_at - start).total_seconds()) // step_s
            if position < count:
                steps[position].append(row)
        return [_together(step, histograms) for step in steps]

    def counted_together(
        self, by: str, histograms: tuple[str, ...] = HISTOGRAMS
    ) -> Iterator[tuple[Any, Figures]]:
        """Yield the values of a field, and the figures of all windows that have it."""
        for value, *row in self.added(by, histograms):
            yield value, _together([row], histograms)

    def added(
        self, by: str, histograms: tuple[str, ...]
    ) -> "models.QuerySet[TrafficWindow, Any]":
        """Return the values of a field with what `_together` adds up.

        The database adds up, and hands over the histograms of a value as one text:
        there may be tens of thousands of windows.
        """
        texts = {
            f"{name}s": JoinedTexts(NullIf(Cast(name, models.TextField()), Value("{}")))
            for name in histograms
        }
        sums = [Sum(name) for name in (*COUNTS, "sum_ms")]
        rows = self.order_by().values_list(by)
        return rows.annotate(*sums, Max("max_ms"), **texts)

    def delete_some(self, most: int) -> int:
        """Delete at most so many of these windows, in their order; return how many."""
        first = list(self.values_list("pk", flat=True)[:most])
        count, _ = self.model.objects.filter(pk__in=first).delete()
        return count

    def set_minutes(self, minutes: Sequence["TrafficWindow"]) -> None:
        """Set minutes to what gateways say by now; hours and totals grow with them.

        Idempotent. Writers must be serialized (`Lease.held`).
        """
        wholes = {key for minute in minutes for key in minute.whole_keys}
        before = self._stored({minute.key for minute in minutes} | wholes)
        after = {key: before.get(key, Figures()) for key in wholes}
        for minute in minutes:
            grown = minute.figures - before.get(minute.key, Figures())
            for key in minute.whole_keys:
                after[key] += grown
        grown_rows = [self.model.of(key, figures) for key, figures in after.items()]
        self.bulk_create(
            [*minutes, *grown_rows],
            batch_size=200,
            update_conflicts=True,
            unique_fields=KEY_FIELDS,
            update_fields=[*COUNTS, *LATENCIES, *HISTOGRAMS],
        )

    def _stored(self, keys: set[Key]) -> dict[Key, Figures]:
        rows = self.filter(
            deployment__in={key[0] for key in keys},
            starts_at__in={key[1] for key in keys},
        )
        return {row.key: row.figures for row in rows.order_by()}

    def counted(self) -> Iterator[tuple[datetime, Figures]]:
        """Yield beginnings and figures; there may be thousands, so no objects."""
        texts = [Cast(name, models.TextField()) for name in HISTOGRAMS]
        rows = self.order_by().values_list(*COUNTS, *LATENCIES, *texts, "starts_at")
        for row in rows.iterator(chunk_size=2000):
            values = list(row)
            values[-3:-1] = map(orjson.loads, values[-3:-1])
            yield row[-1], Figures(*values)


def _together(rows: Sequence[Sequence[Any]], histograms: Sequence[str]) -> Figures:
    """Return the figures of rows of sums, the greatest latency and joined texts."""
    if not rows:
        return Figures()
    columns = list(zip(*rows, strict=True))
    *sums, greatest = columns[: -len(histograms)]
    texts = (",".join(filter(None, column)) for column in columns[-len(histograms) :])
    merged = dict(zip(histograms, map(_summed, texts), strict=True))
    totals: list[Any] = [*map(sum, sums), max(greatest)]
    return Figures(*totals, *(merged.get(name, {}) for name in HISTOGRAMS))


def _summed(histograms: str) -> dict[str, int]:
    """Return the sum of histograms that are written one behind the other, none empty.

    As one array of numbers and counts in turn: four times as fast as a dict of each.
    """
    if not histograms:
        return {}
    listed = histograms.translate(_LISTED)
    pairs = np.fromstring(listed, dtype=np.int64, sep=",")
    counts = np.bincount(pairs[::2], weights=pairs[1::2]).astype(np.int64)
    numbers = np.flatnonzero(counts)
    named = map(str, numbers.tolist())
    return dict(zip(named, counts[numbers].tolist(), strict=True))


class TrafficWindow(models.Model):
    """Counts of one window: a minute of one gateway, an hour, or a lifetime.

    Each gateway writes minutes of its own, so none is lost. Hours, and the one row
    of `seconds` 0 of a deployment, hold the same counts again, of all gateways and
    without a gap; windows of different lengths are therefore never added. For the
    counts see `Figures`. `histogram` maps a log bucket's number to its count
    (`deployments.serving.histogram`), `correction` what to add there (see `Figures`).
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
    unavailable_count = models.BigIntegerField(_("nothing ready"), default=0)
    non_finite_count = models.BigIntegerField(_("not finite"), default=0)
    refused_anew_count = models.BigIntegerField(_("refused anew"), default=0)
    sum_ms = models.FloatField(default=0.0)
    max_ms = models.FloatField(default=0.0)
    histogram = models.JSONField(default=dict)
    correction = models.JSONField(default=dict)

    objects = TrafficWindowQuerySet.as_manager()

    class Meta:
        ordering = ("deployment", "-starts_at")
        verbose_name = _("traffic window")
        verbose_name_plural = _("traffic windows")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A minute that is read again replaces its earlier counts.
            models.UniqueConstraint(
                fields=["deployment", "starts_at", "seconds", "gateway"],
                name="traffic_window",
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What is old is deleted, minutes and hours after times of their own.
            models.Index(F("seconds"), F("starts_at"), name="traffic_by_age")
        ]

    def __str__(self) -> str:
        return f"{self.deployment} {self.starts_at:%H:%M}"

    @classmethod
    def of(cls, key: Key, figures: Figures) -> Self:
        """Return a row that is not stored yet."""
        deployment_id, starts_at, seconds, gateway = key
        return cls(
            deployment_id=deployment_id,
            starts_at=starts_at,
            seconds=seconds,
            gateway=gateway,
            **{name: getattr(figures, name) for name in (*COUNTS, *LATENCIES)},
            **{name: dict(getattr(figures, name)) for name in HISTOGRAMS},
        )

    @property
    def key(self) -> Key:
        return self.deployment_id, self.starts_at, self.seconds, self.gateway

    @property
    def whole_keys(self) -> tuple[Key, Key]:
        """The hour and the lifetime that a minute is part of."""
        hour = self.starts_at.replace(minute=0, second=0, microsecond=0)
        return (
            (self.deployment_id, hour, HOUR_S, ""),
            (self.deployment_id, EPOCH, LIFETIME_S, ""),
        )

    @property
    def figures(self) -> Figures:
        return Figures(
            **{name: getattr(self, name) for name in (*COUNTS, *LATENCIES)},
            **{name: getattr(self, name) for name in HISTOGRAMS},
            last_updated=self.starts_at,
        )
