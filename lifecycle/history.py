"""The recorded history of an experiment: its newest runs, their events and files."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q

from lifecycle.models import Artifact, Experiment, ModelVersion, Run
from lifecycle.store.runs import OPEN
from lifecycle.times import stamp_ms, to_ms

MAX_RUNS = 20
MAX_LINES = 500
MAX_ARTIFACTS = 500


@dataclass(frozen=True)
class ExperimentHistory:
    """The newest runs, whole, newest first; the rest is counted.

    `shown` is the one whose figures are the experiment's: the run by which it was
    looked up, else the newest.
    """

    experiment: Experiment
    shown: Run | None
    runs: list[Run]
    artifacts: list[Artifact]
    run_count: int
    model_id: str | None

    def lines(self) -> list[str]:
        """Return the newest events, oldest first, one a line with its time."""
        made = self.experiment.created_at
        events = [(to_ms(made), f"experiment {self.experiment.name} created")]
        for run in self.runs:
            events.extend(_events(run))
        events.sort()
        return [f"{stamp_ms(at)} {text}" for at, text in events[-MAX_LINES:]]


def of(experiment: Experiment) -> ExperimentHistory:
    """Read the history; the number of queries does not grow with it."""
    runs = experiment.runs.filter(deleted_ms=None)
    version = (
        ModelVersion.objects.without_prompts()
        .filter(run__experiment=experiment)
        .order_by("-created_at")
        .values_list("pk", flat=True)
        .first()
    )
    newest = list(runs.whole()[:MAX_RUNS])
    return ExperimentHistory(
        experiment=experiment,
        shown=_asked(experiment, newest) or next(iter(newest), None),
        runs=newest,
        artifacts=list(_artifacts(experiment)),
        run_count=runs.count(),
        model_id=str(version) if version else None,
    )


def _asked(experiment: Experiment, newest: list[Run]) -> Run | None:
    uid = experiment.asked_run
    if uid is None:
        return None
    among = next((run for run in newest if run.uid == uid), None)
    return among or experiment.runs.whole().filter(uid=uid, deleted_ms=None).first()


def _artifacts(experiment: Experiment) -> Iterator[Artifact]:
    of_runs = Q(run__experiment=experiment, run__deleted_ms=None)
    of_models = Q(logged_model__experiment=experiment, logged_model__deleted_ms=None)
    found = Artifact.objects.filter(of_runs | of_models).select_related("run")
    yield from found.order_by("-created_at", "path")[:MAX_ARTIFACTS]


def _events(run: Run) -> Iterator[tuple[int, str]]:
    by = f" by {run.created_by}" if run.created_by else ""
    yield run.started_ms, f"run {run} started{by}"
    for param in run.params.all():
        yield run.started_ms, f"run {run} parameter {param.key} = {param.value}"
    for metric in run.latest_metrics.all():
        value = "NaN" if metric.is_nan else f"{metric.value:g}"
        on = f" on {metric.dataset}" if metric.dataset else ""
        yield (
            metric.timestamp_ms,
            f"run {run} metric {metric.key} = {value} at step {metric.step}{on}",
        )
    for artifact in run.artifacts.all():
        what = f"{artifact.size_bytes} bytes" if artifact.is_stored else artifact.uri
        yield (
            to_ms(artifact.created_at),
            f"run {run} artifact {artifact.path} ({what})",
        )
    if run.ended_ms is not None and run.status not in OPEN:
        yield run.ended_ms, f"run {run} {run.status} after {run.duration_seconds:g} s"
