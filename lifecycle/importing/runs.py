"""Runs with all that they logged: a few hundred at a time, each whole or not at all."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any, Final

from lifecycle.importing import cells, comparing, files
from lifecycle.importing.cells import Row, Unfit
from lifecycle.importing.comparing import StoredRun
from lifecycle.importing.context import NOTE_TAG, URI_TAG, ImportContext
from lifecycle.importing.experiments import PlacedExperiment
from lifecycle.importing.sources.base import RawPoint
from lifecycle.states import RunStatus
from lifecycle.store.artifacts import ArtifactOwner, NewFile
from lifecycle.store.inputs import NamedDataset
from lifecycle.store.points import NewPoint
from lifecycle.store.runs import NewRun

POINTS_AT_ONCE: Final = 20_000
"""How many points a transaction holds, unless a single run has more."""
RUNS_AT_ONCE: Final = 200
CHUNK: Final = 5000
NAME_TAG: Final = "mlflow.runName"
_PARENTS_OF_FILES: Final = ("mlflow.log-model.history", "mlflow.loggedArtifacts")
_STATUSES: Final = {
    "RUNNING": RunStatus.RUNNING,
    "SCHEDULED": RunStatus.SCHEDULED,
    "FINISHED": RunStatus.COMPLETED,
    "FAILED": RunStatus.FAILED,
    "KILLED": RunStatus.CANCELLED,
}
_BY_NUMBER: Final = ("", *_STATUSES)
_MAX_NAME: Final = 500
_MAX_USER: Final = 256
_MAX_DATASET: Final = {"name": 500, "digest": 100, "source_type": 36}


@dataclass(slots=True)
class PastRun:
    """A run of the source, checked; its points are read while it is written."""

    key: Any
    new: NewRun
    params: dict[str, str]
    tags: dict[str, str]
    inputs: list[NamedDataset]
    uri: str
    points: int = 0
    stored: StoredRun | None = None
    files: list[NewFile] = field(default_factory=list)


def bring(
    context: ImportContext, home: PlacedExperiment, experiment: int
) -> Iterator[int]:
    """Bring the runs of an experiment in; yield how many are done after each part."""
    for page in context.source.runs(home.key):
        found = _checked(context, home, experiment, page)
        for batch in _batches(found):
            for run in batch:
                run.files = _files(context, home, run)
            with context.writer.part():
                _write(context, experiment, batch)
        yield len(page)


def _checked(
    context: ImportContext, home: PlacedExperiment, experiment: int, page: Sequence[Row]
) -> list[PastRun]:
    """Return the runs of a page that can come in, with what they logged but points."""
    ids = [row["run_uuid"] for row in page]
    source = context.source
    params, tags = source.params(ids), source.tags(ids)
    inputs, points = source.inputs(ids), source.point_counts(ids)
    found = []
    for row in page:
        key = row["run_uuid"]
        try:
            run = _past(context, home, experiment, row, tags.get(key, []))
            run.params = cells.pairs(params.get(key, []))
            run.inputs = [_dataset(one) for one in inputs.get(key, [])]
        except Unfit as unfit:
            context.report.refuse("runs", key, unfit)
            continue
        run.points = points.get(key, 0)
        found.append(run)
    stored = comparing.stored_runs([run.new.uid for run in found])
    for run in found:
        run.stored = stored.get(run.new.uid)
    return [run for run in found if _is_the_same(context, run)]


def _is_the_same(context: ImportContext, run: PastRun) -> bool:
    """Whether the id is free, or the run that has it here is this one."""
    if run.stored is None or not (why := comparing.is_other(run.stored, run.new)):
        return True
    context.report.refuse("runs", run.new.uid, why)
    return False


def _past(
    context: ImportContext,
    home: PlacedExperiment,
    experiment: int,
    row: Row,
    pairs: list[Any],
) -> PastRun:
    cells.require_readable(row)
    tags = cells.pairs(pairs)
    user = cells.text(row, "user_id", most=_MAX_USER) or tags.get("mlflow.user", "")
    name = cells.text(row, "name", most=_MAX_NAME) or tags.get(NAME_TAG, "")
    notes = tags.pop(NOTE_TAG, None)
    uri = cells.text(row, "artifact_uri")
    if uri:
        tags[URI_TAG] = uri
    ended = cells.integer(row, "end_time")
    started = cells.integer(row, "start_time")
    if started is None:
        started = ended or 0
        context.report.noted["runs without a start, which is shown as their end"] += 1
    new = NewRun(
        uid=cells.run_id(row["run_uuid"]),
        experiment_id=experiment,
        started_ms=started,
        name=name[:_MAX_NAME],
        created_by=context.options.users.get(user),
        user_label=user[:_MAX_USER],
        notes=notes,
        status=_status(row.get("status")),
        ended_ms=ended,
        deleted_ms=_deleted(home, row, ended, started),
    )
    return PastRun(row["run_uuid"], new, {}, tags, [], uri)


def _deleted(
    home: PlacedExperiment, row: Row, ended: int | None, started: int
) -> int | None:
    """Return when a run was deleted by itself; one that went with its experiment, not.

    MLflow before 2.0 kept no time: its end then, else its start, never today.
    """
    if not cells.is_deleted(row) or home.new.deleted_at is not None:
        return None
    at = cells.integer(row, "deleted_time")
    if at is not None:
        return at
    return started if ended is None else ended


def _status(value: object) -> RunStatus:
    if isinstance(value, int) and 0 < value < len(_BY_NUMBER):
        value = _BY_NUMBER[value]
    found = _STATUSES.get(value) if isinstance(value, str) else None
    if found is None:
        raise Unfit(f"status is {str(value)[:40]!r}")
    return found


def _dataset(row: Row) -> NamedDataset:
    cells.require_readable(row)
    texts = {
        name: cells.text(row, name, most=_MAX_DATASET.get(name))
        for name in ("name", "digest", "source_type", "source", "schema", "profile")
    }
    return NamedDataset(**texts, tags=cells.pairs(row["tags"]))


def _batches(runs: Sequence[PastRun]) -> Iterator[list[PastRun]]:
    batch: list[PastRun] = []
    points = 0
    for run in runs:
        is_full = points + run.points > POINTS_AT_ONCE or len(batch) >= RUNS_AT_ONCE
        if batch and is_full:
            yield batch
            batch, points = [], 0
        batch.append(run)
        points += run.points
    if batch:
        yield batch


def _files(
    context: ImportContext, home: PlacedExperiment, run: PastRun
) -> list[NewFile]:
    if home.is_remote or not run.uri:
        context.report.noted["runs whose files stay elsewhere"] += bool(run.uri)
        return []
    known = files.known_files(run__uid=run.new.uid) if run.stored else {}
    expected = any(name in run.tags for name in _PARENTS_OF_FILES)
    return files.incoming(
        context, run.uri, owner=run.new.uid, known=known, expected=expected
    )


def _write(context: ImportContext, experiment: int, batch: Sequence[PastRun]) -> None:
    """Store a batch in one transaction, its points as they are read."""
    by_key = {run.key: run for run in batch}
    here = {one.pk: one for run in batch if (one := run.stored) is not None}
    comparing.read_what_is_here(here, sum(run.points for run in batch if run.stored))
    written: dict[Any, int] = {}
    for run in batch:
        if run.stored is not None:
            comparing.add_what_is_new(
                context, run.stored, run.new, run.params, run.tags
            )
            written[run.key] = run.stored.pk
        else:
            written[run.key] = _write_new(context, experiment, run)
        owner = ArtifactOwner(run=written[run.key], logged_model=None, name=run.new.uid)
        for file in run.files:
            context.writer.file(owner, file)
    with_points = [run.key for run in batch if run.points]
    if not with_points:
        return
    for key, points in groupby(context.source.points(with_points), lambda one: one.run):
        run = by_key[key]
        checked = _points(context, run.new.uid, points)
        if run.stored is not None:
            comparing.add_new_points(context, run.stored, checked)
        else:
            _write_points(context, written[key], checked)


def _write_new(context: ImportContext, experiment: int, run: PastRun) -> int:
    writer = context.writer
    pk = writer.run(run.new)
    if writer.is_dry:
        context.dry_runs[run.new.uid] = pk
    writer.log(pk, params=run.params, tags=run.tags)
    for dataset in run.inputs:
        writer.read(pk, experiment, dataset)
    return pk


def _write_points(context: ImportContext, run: int, points: Iterator[NewPoint]) -> None:
    while chunk := list(islice(points, CHUNK)):
        context.writer.log(run, points=chunk)


def _points(
    context: ImportContext, run: str, rows: Iterator[RawPoint]
) -> Iterator[NewPoint]:
    """Yield the points of a run, each once; equal ones are one here."""
    for (key, _, _), same in groupby(
        rows, lambda row: (row.key, row.step, row.timestamp)
    ):
        seen = set()
        for row in same:
            try:
                point = NewPoint(
                    cells.key(key),
                    cells.real(row.value, is_nan=row.is_nan),
                    cells.whole(row.step, "step"),
                    cells.whole(row.timestamp, "timestamp"),
                )
            except Unfit as unfit:
                context.report.refuse("points", f"{run} {key}", unfit)
                continue
            mark = "nan" if point.value != point.value else point.value
            if mark in seen:
                context.report.noted["points that a store repeats"] += 1
                continue
            seen.add(mark)
            if point.value == 0 and math.copysign(1, point.value) < 0:
                context.report.noted["points of -0.0, which SQLite keeps as 0.0"] += 1
            yield point
