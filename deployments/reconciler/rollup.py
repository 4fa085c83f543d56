"""Makes old traffic small: minutes become hours, and what is very old one row."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from deployments.models import Lease, TrafficWindow
from deployments.models.figures import Figures
from deployments.models.traffic import HOUR_S, LIFETIME_S

MINUTES_KEPT = timedelta(hours=48)
HOURS_KEPT = timedelta(days=90)
BATCH = 50
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def roll_up(lease: Lease, now: datetime | None = None) -> int:
    """Fold a bounded number of windows; return how many rows went into others.

    Sums and lifetime totals stay the same. Each fold is one transaction, so that a
    kill in between neither loses nor doubles a count.
    """
    now = now or timezone.now()
    folded = _fold(lease, before=now - MINUTES_KEPT, shorter_than=HOUR_S, into=HOUR_S)
    folded += _fold(
        lease, before=now - HOURS_KEPT, shorter_than=HOUR_S + 1, into=LIFETIME_S
    )
    return folded


def _fold(lease: Lease, *, before: datetime, shorter_than: int, into: int) -> int:
    folded, before = 0, before.replace(minute=0, second=0, microsecond=0)
    old = TrafficWindow.objects.filter(
        seconds__gt=LIFETIME_S, seconds__lt=shorter_than, starts_at__lt=before
    )
    places = {
        (deployment, _start(starts_at, into))
        for deployment, starts_at in old.order_by("starts_at").values_list(
            "deployment", "starts_at"
        )[: BATCH * 60]
    }
    for deployment, start in sorted(places, key=str)[:BATCH]:
        end = before if into == LIFETIME_S else start + timedelta(seconds=into)
        rows = old.filter(
            deployment=deployment, starts_at__gte=start, starts_at__lt=end
        )
        with lease.held():
            folded += _merge(rows, start, into)
    return folded


def _start(moment: datetime, seconds: int) -> datetime:
    if seconds == LIFETIME_S:
        return EPOCH
    return moment.replace(minute=0, second=0, microsecond=0)


def _merge(rows: Iterable[TrafficWindow], start: datetime, seconds: int) -> int:
    locked = list(rows)
    if not locked:
        return 0
    kept, _ = TrafficWindow.objects.get_or_create(
        deployment_id=locked[0].deployment_id,
        starts_at=start,
        seconds=seconds,
        gateway="",
    )
    total = sum((row.figures for row in locked), kept.figures)
    _write(kept, total)
    TrafficWindow.objects.filter(pk__in=[row.pk for row in locked]).delete()
    return len(locked)


def _write(row: TrafficWindow, total: Figures) -> None:
    row.request_count = total.request_count
    row.error_count = total.error_count
    row.client_error_count = total.client_error_count
    row.rejected_count = total.rejected_count
    row.sum_ms, row.max_ms = total.sum_ms, total.max_ms
    row.histogram = dict(total.histogram)
    row.save(
        update_fields=[
            "request_count",
            "error_count",
            "client_error_count",
            "rejected_count",
            "sum_ms",
            "max_ms",
            "histogram",
        ]
    )
