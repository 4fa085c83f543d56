"""A deployment's last hour of traffic as a small picture, without a script."""

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.db.models import Sum
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import ngettext

from deployments.models import TrafficWindow
from deployments.models.traffic import MINUTE_S

MINUTES = 60
WIDTH, HEIGHT = 120, 24


def requests_per_minute(ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[int]]:
    """Return the last hour's requests per minute, the oldest first, in one query."""
    now = timezone.now().replace(second=0, microsecond=0)
    start = now - timedelta(minutes=MINUTES - 1)
    counts = {pk: [0] * MINUTES for pk in ids}
    rows = (
        TrafficWindow.objects.minutes()
        .since(start)
        .filter(deployment__in=ids)
        .order_by()
        .values_list("deployment", "starts_at")
        .annotate(requests=Sum("request_count"))
    )
    for pk, starts_at, requests in rows:
        minute = int((starts_at - start).total_seconds()) // MINUTE_S
        if minute < MINUTES:
            counts[pk][minute] = requests
    return counts


def sparkline(counts: list[int]) -> SafeString | str:
    """Return bars, one a minute; a dash where nothing was asked."""
    highest = max(counts, default=0)
    if not highest:
        return "—"
    step = WIDTH / len(counts)
    bars = "".join(
        f"M{place * step:.1f} {HEIGHT}v-{_height(count, highest):.1f}"
        f"h{step * 0.8:.1f}V{HEIGHT}z"
        for place, count in enumerate(counts)
        if count
    )
    return format_html(
        '<svg viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" '
        'fill="currentColor" aria-label="{2}"><path d="{3}"></path></svg>',
        WIDTH,
        HEIGHT,
        _title(sum(counts)),
        bars,
    )


def _height(count: int, highest: int) -> float:
    return max(HEIGHT * count / highest, 1.0) if count else 0.0


def _title(count: int) -> str:
    return ngettext(
        "%(count)s request in the last hour",
        "%(count)s requests in the last hour",
        count,
    ) % {"count": f"{count:,}"}
