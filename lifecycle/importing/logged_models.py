"""Logged models (MLflow 3): with parameters, tags, metrics, files and their runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from lifecycle.importing import cells, files
from lifecycle.importing.cells import Row, Unfit
from lifecycle.importing.context import URI_TAG, ImportContext
from lifecycle.importing.experiments import PlacedExperiment
from lifecycle.models import LoggedModel, Run
from lifecycle.states import LoggedModelStatus
from lifecycle.store.artifacts import ArtifactOwner, NewFile
from lifecycle.store.logged_metrics import ModelPoint
from lifecycle.store.logged_models import PastLoggedModel

_STATUSES: Final = {
    0: LoggedModelStatus.PENDING,
    1: LoggedModelStatus.PENDING,
    2: LoggedModelStatus.READY,
    3: LoggedModelStatus.FAILED,
}
_BY_WORD: Final = {str(status): status for status in LoggedModelStatus}
_MAX_TEXT: Final = 500
_MAX_KEY: Final = 250
_MAX_DIGEST: Final = 100


@dataclass(slots=True)
class _Links:
    """What ties a model to runs, by the run's id: points, and steps of outputs."""

    points: dict[str, list[ModelPoint]] = field(
        default_factory=lambda: defaultdict(list)
    )
    outputs: dict[str, int] = field(default_factory=dict)
    inputs: set[str] = field(default_factory=set)

    @property
    def runs(self) -> set[str]:
        return {*self.points, *self.outputs, *self.inputs}


def bring(context: ImportContext, home: PlacedExperiment, experiment: int) -> None:
    """Bring the logged models of an experiment in; its runs are here."""
    for row in context.source.logged_models(home.key):
        key = row.get("model_id")
        try:
            past, uri = _past(context, experiment, row)
            links = _links(context, past.pk)
        except Unfit as unfit:
            context.report.refuse("logged models", key, unfit)
            continue
        stored = LoggedModel.objects.filter(pk=past.pk).first()
        if stored is not None and not _is_same(stored, past):
            why = "another one of this id is here"
            context.report.refuse("logged models", past.pk, why)
            continue
        found = _files(context, home, past, uri, is_here=stored is not None)
        with context.writer.part():
            _write(context, past, links, found, is_here=stored is not None)


def _past(
    context: ImportContext, experiment: int, row: Row
) -> tuple[PastLoggedModel, str]:
    cells.require_readable(row)
    pk = cells.model_id(row.get("model_id"))
    created = cells.integer(row, "creation_timestamp_ms") or 0
    updated = cells.integer(row, "last_updated_timestamp_ms")
    updated = created if updated is None else updated
    label = cells.text(row, "source_run_id", most=256)
    tags = cells.pairs(context.source.model_tags(row.get("model_id")))
    params = cells.pairs(context.source.model_params(row.get("model_id")))
    for name in (*tags, *params):
        cells.checked(name, "key", most=_MAX_KEY)
    uri = cells.text(row, "artifact_location")
    if uri:
        tags[URI_TAG] = uri
    run = run_keys(context, [label]).get(label) if label else None
    past = PastLoggedModel(
        pk=pk,
        experiment=experiment,
        name=cells.text(row, "name", most=_MAX_TEXT),
        created_ms=created,
        updated_ms=updated,
        deleted_ms=updated if cells.is_deleted(row) else None,
        run=run,
        run_label="" if run else label,
        model_type=cells.text(row, "model_type", most=_MAX_TEXT),
        status=_status(row.get("status")),
        status_message=cells.text(row, "status_message"),
        params=params,
        tags=tags,
    )
    return past, uri


def run_keys(context: ImportContext, uids: Sequence[str]) -> dict[str, int]:
    """Return the keys of those of the runs that are here, or that a dry run made."""
    found = dict(Run.objects.filter(uid__in=uids).values_list("uid", "pk"))
    made = {uid: context.dry_runs[uid] for uid in uids if uid in context.dry_runs}
    return {**found, **made}


def _status(value: object) -> LoggedModelStatus:
    found = _BY_WORD.get(value) if isinstance(value, str) else None
    if isinstance(value, int):
        found = _STATUSES.get(value)
    if found is None:
        raise Unfit(f"status is {str(value)[:40]!r}")
    return found


def _is_same(stored: LoggedModel, past: PastLoggedModel) -> bool:
    created = stored.created_ms == past.created_ms
    return created and stored.experiment_id == past.experiment


def _links(context: ImportContext, model: str) -> _Links:
    links = _Links()
    for row in context.source.model_metrics(model):
        point = ModelPoint(
            cells.checked(row.get("metric_name"), "metric_name", most=_MAX_KEY),
            cells.real(row.get("metric_value")),
            cells.integer(row, "metric_step") or 0,
            cells.integer(row, "metric_timestamp_ms") or 0,
            model_id=model,
            dataset_name=cells.text(row, "dataset_name", most=_MAX_TEXT),
            dataset_digest=cells.text(row, "dataset_digest", most=_MAX_DIGEST),
        )
        links.points[cells.run_id(row.get("run_id"))].append(point)
    for row in context.source.model_runs(model):
        run = cells.run_id(row["run_id"])
        if row["is_output"]:
            links.outputs[run] = cells.integer(row, "step") or 0
        else:
            links.inputs.add(run)
    return links


def _files(
    context: ImportContext,
    home: PlacedExperiment,
    past: PastLoggedModel,
    uri: str,
    *,
    is_here: bool,
) -> list[NewFile]:
    if home.is_remote or not uri:
        context.report.noted["logged models whose files stay elsewhere"] += bool(uri)
        return []
    known = files.known_files(logged_model=past.pk) if is_here else {}
    expected = past.status == LoggedModelStatus.READY and past.deleted_ms is None
    return files.incoming(context, uri, owner=past.pk, known=known, expected=expected)


def _write(
    context: ImportContext,
    past: PastLoggedModel,
    links: _Links,
    found: Sequence[NewFile],
    *,
    is_here: bool,
) -> None:
    """Store the model with all that ties it to runs, or what of its files is new."""
    if is_here:
        context.report.present["logged models"] += 1
    else:
        context.writer.logged_model(past)
        context.dry_models.add(past.pk)
        _link(context, past.pk, links)
    owner = ArtifactOwner(run=None, logged_model=past.pk, name=past.name)
    for file in found:
        context.writer.file(owner, file)


def _link(context: ImportContext, model: str, links: _Links) -> None:
    runs: dict[str, Any] = run_keys(context, sorted(links.runs))
    for uid in sorted(links.runs - runs.keys()):
        context.report.refuse("links", f"{model} to the run {uid}", "it is not here")
    for uid, pk in sorted(runs.items()):
        if points := links.points.get(uid):
            context.writer.model_points(pk, points)
        if uid in links.outputs:
            context.writer.model_link(pk, model, links.outputs[uid])
        if uid in links.inputs:
            context.writer.model_link(pk, model, None)
