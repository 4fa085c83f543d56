"""Metric curves as SVG text: no script and no style attribute, so any CSP holds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from lifecycle.models import LatestMetric, MetricPoint, Run

WIDTH, HEIGHT, MARGIN = 320, 120, 6
MOST_CURVES = 12
MOST_POINTS = 20_000
DRAWN_POINTS = 400

Point = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """The finite points of one metric on one dataset, by step."""

    name: str
    points: Sequence[Point]


def of_run(run: Run) -> list[Curve]:
    """Return the run's curves, by name; a metric of one point is no curve."""
    found = []
    for metric in run.latest_metrics.newest():
        curve = _curve(metric)
        if len(curve.points) > 1:
            found.append(curve)
        if len(found) == MOST_CURVES:
            break
    return found


def draw(curve: Curve) -> SafeString:
    """Return the picture of a curve with its bounds; thinned out evenly if long."""
    points = _thinned(curve.points)
    values = [value for _, value in points]
    low, high = min(values), max(values)
    first, last = points[0][0], points[-1][0]
    path = " ".join(
        f"{_place(step, first, last, WIDTH):.1f},"
        f"{HEIGHT - _place(value, low, high, HEIGHT):.1f}"
        for step, value in points
    )
    return format_html(
        '<figure><figcaption>{}</figcaption><svg viewBox="0 0 {} {}" width="{}" '
        'height="{}" role="img" aria-label="{}"><polyline points="{}" fill="none" '
        'stroke="currentColor" stroke-width="2" stroke-linejoin="round"/></svg>'
        "<p>{} … {}, {} {} … {}</p></figure>",
        curve.name,
        WIDTH,
        HEIGHT,
        WIDTH,
        HEIGHT,
        curve.name,
        path,
        f"{low:.4g}",
        f"{high:.4g}",
        "step",
        first,
        last,
    )


def draw_all(run: Run) -> SafeString | str:
    """Return all curves of a run side by side, "" if there are none."""
    drawn = [(draw(curve),) for curve in of_run(run)]
    if not drawn:
        return ""
    return format_html(
        '<div class="flex flex-wrap gap-4">{}</div>',
        format_html_join("", "{}", drawn),
    )


def _curve(metric: LatestMetric) -> Curve:
    points = MetricPoint.objects.filter(
        run_id=metric.run_id,
        key_id=metric.key_id,
        dataset=metric.dataset,
        is_nan=False,
    ).order_by("step", "timestamp_ms")
    rows = points.values_list("step", "value")[:MOST_POINTS]
    name = f"{metric.key} ({metric.dataset})" if metric.dataset else str(metric.key)
    return Curve(name, [row for row in rows if math.isfinite(row[1])])


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    stride = math.ceil(len(points) / DRAWN_POINTS)
    return points if stride == 1 else [*points[::stride], points[-1]]


def _place(value: float, low: float, high: float, size: int) -> float:
    """Return where a value lies between margins; a flat line is in the middle.

    Halved first, so that the distance of the largest floats is no infinity.
    """
    span = high / 2 - low / 2
    share = (value / 2 - low / 2) / span if span else 0.5
    return MARGIN + share * (size - 2 * MARGIN)
