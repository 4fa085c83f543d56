"""A run that is here already: what is the same, what is new, what differs."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from django.db.models import QuerySet

from lifecycle.importing.context import NOTE_TAG, ImportContext
from lifecycle.models import MetricPoint, Param, Run, RunTag
from lifecycle.states import RunStatus
from lifecycle.store.points import NewPoint
from lifecycle.store.runs import OPEN, NewRun

MANY_POINTS: Final = 20_000
"""Points of a run that has more are read one metric at a time."""

Mark = tuple[int, int, float, bool]
"""What tells two points of a metric apart: step, time, value, whether it is NaN."""
_MARK: Final = ("step", "timestamp_ms", "value", "is_nan")


@dataclass(slots=True)
class StoredRun:
    """What is here of a run that the source has as well."""

    pk: int
    uid: str
    experiment: int
    started_ms: int
    status: str
    ended_ms: int | None
    notes: str | None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    points: dict[str, set[Mark]] | None = None


def stored_runs(uids: Sequence[str]) -> dict[str, StoredRun]:
    """Return by id those of the runs that are here, deleted ones as well."""
    rows = Run.objects.filter(uid__in=uids).values_list(
        "pk", "uid", "experiment_id", "started_ms", "status", "ended_ms", "notes"
    )
    return {row[1]: StoredRun(*row) for row in rows}


def read_what_is_here(runs: Mapping[int, StoredRun], points: int) -> None:
    """Read what some runs have here, in one query of each kind.

    `runs` are by key; `points` is how many the source has of them in all.
    """
    if not runs:
        return
    for run, name, value in _pairs(Param.objects.filter(run__in=runs)):
        runs[run].params[name] = value
    for run, name, value in _pairs(RunTag.objects.filter(run__in=runs)):
        runs[run].tags[name] = value
    if points > MANY_POINTS:
        return
    for one in runs.values():
        one.points = defaultdict(set)
    found = MetricPoint.objects.filter(run__in=runs, dataset="")
    for run, name, *mark in found.values_list("run_id", "key__name", *_MARK):
        if (known := runs[run].points) is not None:
            known[name].add((mark[0], mark[1], mark[2], mark[3]))


def is_other(stored: StoredRun, new: NewRun) -> str:
    """Return why the run that is here is another one than this; "" if it is this."""
    if stored.experiment != new.experiment_id:
        return "a run of this id is here in another experiment"
    if stored.started_ms != new.started_ms:
        return "a run of this id is here that started at another time"
    return ""


def add_what_is_new(
    context: ImportContext,
    stored: StoredRun,
    new: NewRun,
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> None:
    """Store what an open run got since it was imported; report what changed."""
    report, was_open = context.report, stored.status in OPEN
    if was_open and (stored.status, stored.ended_ms) != (new.status, new.ended_ms):
        context.writer.run_end(stored.pk, RunStatus(new.status), new.ended_ms)
    elif stored.status != new.status:
        report.refuse("runs", new.uid, f"is {stored.status} here, {new.status} there")
    else:
        report.present["runs"] += 1
    if stored.notes != new.notes:
        report.refuse("tags", f"{new.uid} {NOTE_TAG}", "has another value here")
    fresh_params = _new(context, "parameters", new.uid, params, stored.params)
    fresh_tags = _new(context, "tags", new.uid, tags, stored.tags)
    if fresh_params or fresh_tags:
        context.writer.log(stored.pk, params=fresh_params, tags=fresh_tags)


def add_new_points(
    context: ImportContext, stored: StoredRun, points: Iterator[NewPoint]
) -> None:
    """Store the points that are not here; they come ordered by key."""
    for key, of_key in groupby(points, lambda point: point.name):
        known = _known_points(stored, key)
        fresh = []
        for point in of_key:
            is_nan = point.value != point.value
            value = 0.0 if is_nan else point.value
            if (point.step, point.timestamp_ms, value, is_nan) in known:
                context.report.present["points"] += 1
            else:
                fresh.append(point)
        if fresh:
            context.writer.log(stored.pk, points=fresh)


def _known_points(stored: StoredRun, key: str) -> set[Mark]:
    if stored.points is not None:
        return stored.points.get(key, set())
    here = MetricPoint.objects.filter(run=stored.pk, key__name=key, dataset="")
    return set(here.values_list(*_MARK))


def _pairs(rows: QuerySet[Param] | QuerySet[RunTag]) -> Iterator[tuple[int, str, str]]:
    yield from rows.values_list("run_id", "key__name", "value").iterator()


def _new(
    context: ImportContext,
    kind: str,
    uid: str,
    there: Mapping[str, str],
    known: Mapping[str, str],
) -> dict[str, str]:
    fresh = {name: value for name, value in there.items() if name not in known}
    context.report.present[kind] += len(there) - len(fresh)
    for name, value in there.items():
        if known.get(name, value) != value:
            context.report.refuse(kind, f"{uid} {name}", "has another value here")
    return fresh
