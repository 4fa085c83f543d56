"""Experiments, runs and logged models as rows of an MLflow store."""

import re
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db.models import QuerySet

from lifecycle.exporting.target import ExportTarget
from lifecycle.importing.context import NOTE_TAG, TAG
from lifecycle.models import (
    Artifact,
    Experiment,
    ExperimentTag,
    LatestMetric,
    LoggedModel,
    LoggedModelMetric,
    MetricPoint,
    Param,
    Run,
    RunInput,
    RunModelInput,
    RunOutput,
    RunTag,
)
from lifecycle.states import LoggedModelStatus, RunStatus
from lifecycle.times import to_ms

PAGE: Final = 200
WORKSPACE: Final = "default"
STATUSES: Final = {
    str(RunStatus.RUNNING): "RUNNING",
    str(RunStatus.SCHEDULED): "SCHEDULED",
    str(RunStatus.COMPLETED): "FINISHED",
    str(RunStatus.FAILED): "FAILED",
    str(RunStatus.CANCELLED): "KILLED",
}
_MODEL_STATUSES: Final = {
    str(LoggedModelStatus.PENDING): 1,
    str(LoggedModelStatus.READY): 2,
    str(LoggedModelStatus.FAILED): 3,
}
# What MLflow takes for the id of a run, and a name of a folder besides.
_RUN_ID: Final = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)
_LONGEST_PARAM: Final = 8000

Row = dict[str, Any]


def location(experiment: Experiment) -> str:
    """Return where an experiment's files are: with the store, or the remote label."""
    label = experiment.artifact_label.rstrip("/")
    return label or f"mlflow-artifacts:/{experiment.pk}"


def run_location(run: Run) -> str:
    return f"{location(run.experiment)}/{run.uid}/artifacts"


def model_location(model: LoggedModel) -> str:
    return f"{location(model.experiment)}/models/{model.pk}/artifacts"


def write_experiments(target: ExportTarget) -> None:
    """Write the experiments with their tags."""
    rows = Experiment.objects.order_by("pk")
    target.add("workspaces", [{"name": WORKSPACE, "description": None}])
    target.add("experiments", (_experiment(one) for one in rows.iterator(PAGE)))
    notes = rows.exclude(description="").values_list("pk", "description")
    target.add(
        "experiment_tags",
        ({"key": NOTE_TAG, "value": note, "experiment_id": pk} for pk, note in notes),
    )
    tags = ExperimentTag.objects.exclude(key__name__startswith=TAG)
    found = tags.values_list("key__name", "value", "experiment_id")
    target.add("experiment_tags", _named(("key", "value", "experiment_id"), found))


def write_runs(target: ExportTarget) -> Iterator[int]:
    """Write the runs a page at a time, with all that they logged; yield how many."""
    for experiment in list(Experiment.objects.order_by("pk")):
        last = 0
        while page := list(_page(experiment, last)):
            last = page[-1].pk
            runs = [run for run in page if _is_named(target, run)]
            for run in runs:
                run.experiment = experiment
            target.add("runs", map(_run, runs))
            _write_logged(target, runs)
            _write_inputs(target, runs)
            for run in runs:
                _write_files(target, Artifact.objects.filter(run=run), _folder(run))
            yield len(page)


def write_logged_models(target: ExportTarget) -> None:
    """Write the logged models, with what ties them to runs."""
    models = LoggedModel.objects.select_related("experiment", "source_run")
    for model in models.order_by("pk").iterator(PAGE):
        target.add("logged_models", [_logged_model(model)])
        of = {"model_id": model.pk, "experiment_id": model.experiment_id}
        for table, kind, rows in (
            ("logged_model_params", "param", model.params.all()),
            ("logged_model_tags", "tag", model.tags.exclude(key__startswith=TAG)),
        ):
            pairs = (
                {f"{kind}_key": one.key, f"{kind}_value": one.value} for one in rows
            )
            target.add(table, ({**of, **pair} for pair in pairs))
        points = model.metrics.select_related("run").order_by("pk")
        target.add("logged_model_metrics", (_model_point(of, one) for one in points))
        _write_links(target, model)
        folder = (str(model.experiment_id), "models", model.pk, "artifacts")
        _write_files(target, Artifact.objects.filter(logged_model=model), folder)


def _page(experiment: Experiment, last: int) -> QuerySet[Run]:
    rows = Run.objects.filter(experiment=experiment, pk__gt=last).order_by("pk")
    return rows.select_related("created_by")[:PAGE]


def _is_named(target: ExportTarget, run: Run) -> bool:
    if _RUN_ID.fullmatch(run.uid):
        return True
    target.refused.append(f"run {run.uid}: MLflow takes no such id")
    return False


def _experiment(one: Experiment) -> Row:
    return {
        "experiment_id": one.pk,
        "name": one.name,
        "artifact_location": location(one),
        "lifecycle_stage": "active" if one.deleted_at is None else "deleted",
        "creation_time": to_ms(one.created_at),
        "last_update_time": to_ms(one.updated_at),
        "workspace": WORKSPACE,
    }


def _run(run: Run) -> Row:
    gone = run.experiment.deleted_at
    deleted = run.deleted_ms
    if deleted is None and gone is not None:
        deleted = to_ms(gone)
    return {
        "run_uuid": run.uid,
        "name": run.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "user_id": run.user_label or (run.created_by and run.created_by.username) or "",
        "status": STATUSES[run.status],
        "start_time": run.started_ms,
        "end_time": run.ended_ms,
        "source_version": "",
        "lifecycle_stage": "active" if deleted is None else "deleted",
        "artifact_uri": run_location(run),
        "experiment_id": run.experiment_id,
        "deleted_time": deleted,
    }


def _write_logged(target: ExportTarget, runs: Sequence[Run]) -> None:
    uids = {run.pk: run.uid for run in runs}
    notes = [run for run in runs if run.notes is not None]
    target.add("tags", (_pair(run.uid, NOTE_TAG, run.notes) for run in notes))
    tags = RunTag.objects.filter(run__in=uids).exclude(key__name__startswith=TAG)
    named = tags.order_by("pk").values_list("run_id", "key__name", "value")
    target.add("tags", (_pair(uids[run], key, text) for run, key, text in named))
    params = Param.objects.filter(run__in=uids).order_by("pk")
    found = list(params.values_list("run_id", "key__name", "value"))
    target.noted["parameters longer than MLflow writes"] += sum(
        len(text) > _LONGEST_PARAM for _, _, text in found
    )
    target.add("params", (_pair(uids[run], key, text) for run, key, text in found))
    points = MetricPoint.objects.filter(run__in=uids).order_by("run_id", "pk")
    target.add("metrics", _points(uids, points.values_list(*_POINT).iterator(5000)))
    latest = LatestMetric.objects.filter(run__in=uids)
    newest = latest.order_by("-step", "-timestamp_ms", "-value").values_list(*_POINT)
    target.add("latest_metrics", _points(uids, newest))


_POINT: Final = ("run_id", "key__name", "step", "timestamp_ms", "value", "is_nan")


def _points(uids: dict[int, str], rows: Any) -> Iterator[Row]:
    for run, key, step, timestamp, value, is_nan in rows:
        yield {
            "key": key,
            "value": value,
            "timestamp": timestamp,
            "run_uuid": uids[run],
            "step": step,
            "is_nan": is_nan,
        }


def _write_inputs(target: ExportTarget, runs: Sequence[Run]) -> None:
    uids = {run.pk: run.uid for run in runs}
    rows = (
        RunInput.objects.filter(run__in=uids).select_related("dataset").order_by("pk")
    )
    for one in rows:
        data = one.dataset
        dataset, link = _uuid("dataset", data.pk), _uuid("input", one.pk)
        row = {
            "dataset_uuid": dataset,
            "experiment_id": data.experiment_id,
            "name": data.name,
            "digest": data.digest,
            "dataset_source_type": data.source_type,
            "dataset_source": data.source,
            "dataset_schema": data.schema or None,
            "dataset_profile": data.profile or None,
        }
        if target.is_new("datasets", dataset):
            target.add("datasets", [row])
        ends = ("DATASET", dataset, "RUN", uids[one.run_id])
        target.add("inputs", [_link(link, *ends)])
        target.add(
            "input_tags",
            [
                {"input_uuid": link, "name": name, "value": value}
                for name, value in one.tags.items()
            ],
        )


def _write_links(target: ExportTarget, model: LoggedModel) -> None:
    outputs = RunOutput.objects.filter(model=model).select_related("run")
    for one in outputs:
        ends = ("RUN_OUTPUT", one.run.uid, "MODEL_OUTPUT", model.pk)
        target.add("inputs", [_link(_uuid("output", one.pk), *ends, step=one.step)])
    for read in RunModelInput.objects.filter(model=model).select_related("run"):
        ends = ("RUN_INPUT", read.run.uid, "MODEL_INPUT", model.pk)
        target.add("inputs", [_link(_uuid("model input", read.pk), *ends)])


def _link(  # noqa: PLR0913 - the columns
    pk: str, kind: str, source: str, to_kind: str, to: str, *, step: int = 0
) -> Row:
    return {
        "input_uuid": pk,
        "source_type": kind,
        "source_id": source,
        "destination_type": to_kind,
        "destination_id": to,
        "step": step,
    }


def _logged_model(model: LoggedModel) -> Row:
    run = model.source_run.uid if model.source_run else model.source_run_label
    return {
        "model_id": model.pk,
        "experiment_id": model.experiment_id,
        "name": model.name,
        "artifact_location": model_location(model),
        "creation_timestamp_ms": model.created_ms,
        "last_updated_timestamp_ms": model.updated_ms,
        "status": _MODEL_STATUSES[model.status],
        "lifecycle_stage": "active" if model.deleted_ms is None else "deleted",
        "model_type": model.model_type or None,
        "source_run_id": run or None,
        "status_message": model.status_message or None,
    }


def _model_point(of: Row, point: LoggedModelMetric) -> Row:
    return {
        **of,
        "metric_name": point.key,
        "metric_timestamp_ms": point.timestamp_ms,
        "metric_step": point.step,
        "metric_value": None if point.is_nan else point.value,
        "run_id": point.run.uid,
        "dataset_uuid": None,
        "dataset_name": point.dataset_name or None,
        "dataset_digest": point.dataset_digest or None,
    }


def _write_files(
    target: ExportTarget, rows: QuerySet[Artifact], folder: Sequence[str]
) -> None:
    for artifact in rows.order_by("path").iterator(PAGE):
        if artifact.is_stored:
            target.copy(artifact, folder)
        else:
            target.noted["references to files elsewhere, which stay here"] += 1


def _folder(run: Run) -> tuple[str, ...]:
    return str(run.experiment_id), run.uid, "artifacts"


def _pair(uid: str, key: str, value: str | None) -> Row:
    return {"key": key, "value": value, "run_uuid": uid}


def _named(names: Sequence[str], rows: Any) -> Iterator[Row]:
    for row in rows:
        yield dict(zip(names, row, strict=True))


def _uuid(kind: str, pk: int) -> str:
    """Return an id that is the same in every export."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {pk}").hex
