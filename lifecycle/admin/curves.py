"""Metric curves as SVG text: no script and no style attribute, so any CSP holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from lifecycle import curves as whole
from lifecycle.curves import CurveWindow
from lifecycle.models import Run
from mlops.core.admin.work import page_url

WIDTH, HEIGHT, MARGIN = 320, 120, 6
MOST_CURVES = 12
DRAWN_POINTS = 300

Point = tuple[int, float]


@dataclass(frozen=True, slots=True)
class PlainCurve:
    """The means of one metric on one dataset in buckets of its whole history."""

    name: str
    points: Sequence[Point]


def _of_run(run: Run, metrics: Sequence[str]) -> list[PlainCurve]:
    """Return the curves of these metrics; a metric of one point is no curve."""
    window = CurveWindow("step", DRAWN_POINTS)
    found = whole.of([run], metrics, window) if metrics else []
    drawn = [PlainCurve(_name(one), list(_points(one))) for one in found]
    return [curve for curve in drawn if len(curve.points) > 1]


def _metrics(run: Run) -> list[str]:
    names = run.latest_metrics.newest().values_list("key__name", flat=True)
    return list(dict.fromkeys(names))


def _name(curve: whole.Curve) -> str:
    return f"{curve.metric} ({curve.dataset})" if curve.dataset else curve.metric


def _points(curve: whole.Curve) -> Iterator[Point]:
    """Yield every bucket's least and greatest value, so that no peak is lost."""
    for bucket in curve.buckets.values():
        if bucket.low is not None and bucket.high is not None:
            yield bucket.first, bucket.low
            if bucket.high != bucket.low:
                yield bucket.first, bucket.high


def draw(curve: PlainCurve) -> SafeString:
    """Return the picture of a curve with its bounds."""
    points = curve.points
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
    """Return the first curves of a run side by side, "" if there are none.

    Where it has more metrics than are looked at, a sentence leads to all of them.
    """
    metrics = _metrics(run)
    drawn = [(draw(curve),) for curve in _of_run(run, metrics[:MOST_CURVES])]
    more = _said_of_more(run, len(metrics))
    if not drawn:
        return more
    return format_html(
        '<div class="flex flex-wrap gap-4">{}</div>{}',
        format_html_join("", "{}", drawn),
        more,
    )


def _said_of_more(run: Run, count: int) -> SafeString | str:
    if count <= MOST_CURVES:
        return ""
    text = _("The first %(shown)d of %(count)d metrics; the run's page draws all.")
    text %= {"shown": MOST_CURVES, "count": count}
    return format_html('<p><a href="{}">{}</a></p>', page_url(run), text)


def _place(value: float, low: float, high: float, size: int) -> float:
    """Return where a value lies between margins; a flat line is in the middle.

    Halved first, so that the distance of the largest floats is no infinity.
    """
    span = high / 2 - low / 2
    share = (value / 2 - low / 2) / span if span else 0.5
    return MARGIN + share * (size - 2 * MARGIN)
