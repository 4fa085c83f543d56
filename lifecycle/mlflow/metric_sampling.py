"""Downsampling of a long metric history for charts."""

from collections.abc import Iterator, Mapping, Sequence

from django.db.models import Max, Min

from lifecycle.models import MetricPoint

Interval = tuple[int, int] | None


def sampled(
    runs: Mapping[str, int],
    run_ids: Sequence[str],
    key: str,
    *,
    between: Interval,
    limit: int,
) -> Iterator[tuple[str, list[int]]]:
    """Yield each run with the steps to show: evenly spread over all runs' steps.

    The largest and smallest step of every run are always among them.
    """
    points = MetricPoint.objects.filter(run_id__in=runs.values(), key__name=key)
    if between is not None:
        points = points.filter(step__gte=between[0], step__lte=between[1])
    steps = sorted(points.values_list("step", flat=True).distinct())
    shown = set(_spread(steps, limit))
    ends = points.values("run_id").annotate(first=Min("step"), last=Max("step"))
    shown.update(row["first"] for row in ends)
    shown.update(row["last"] for row in ends)
    own = sorted(shown)
    for run_id in run_ids:
        yield run_id, own


def _spread(steps: list[int], limit: int) -> list[int]:
    """Return `limit` of the sorted steps, evenly spread, and the last one."""
    if len(steps) <= limit:
        return steps
    wide = len(steps) / limit
    return [*(steps[int(number * wide)] for number in range(limit)), steps[-1]]
