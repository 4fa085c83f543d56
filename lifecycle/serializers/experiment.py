"""Bodies and answers of experiments. Answers are built by hand: lists are long."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle import labels
from lifecycle.history import ExperimentHistory
from lifecycle.models import Artifact, Experiment, LatestMetric, Run
from lifecycle.serializers.parts import FreeMap, TagList
from lifecycle.states import ExperimentStatus
from lifecycle.times import stamp, stamp_ms
from mlops.core.fields import FiniteNumberField, NameText, Text, Whole
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField

MAX_TEXT = 100_000
FILLED_METADATA = ("accuracy", "loss", "f1_score", "auc")
"""What the frontend looks for in `metadata` though it is a metric."""


class ExperimentCreateSerializer(StrictSerializer):
    name = NameText(min_length=3, max_length=500)
    description = Text(allow_blank=True, max_length=MAX_TEXT)
    owner = Text(
        required=False, allow_blank=True, help_text="Ignored: the caller owns it."
    )
    tags = TagList(required=False)
    metadata = FreeMap(required=False)


class ExperimentUpdateSerializer(StrictSerializer):
    description = Text(
        required=False, allow_null=True, allow_blank=True, max_length=MAX_TEXT
    )
    owner = Text(
        required=False, allow_null=True, allow_blank=True, help_text="Ignored."
    )
    status = serializers.ChoiceField(
        choices=ExperimentStatus.choices, required=False, allow_null=True
    )
    tags = TagList(required=False, allow_null=True)
    metadata = FreeMap(required=False, allow_null=True)


@extend_schema_serializer(component_name="ExperimentResponse")
class ExperimentSerializer(AnswerSerializer):
    """An experiment with the figures of its newest run, or of the run asked for.

    The context's `latest` holds those runs by id (`Run.objects.latest_of`).
    """

    absent_when_unknown = frozenset(
        {"duration_seconds", "created_by", "special_metrics"}
    )

    id = Text()
    name = Text()
    description = Text()
    owner = Text(help_text='User name; "" if nobody is known to own it.')
    status = serializers.ChoiceField(choices=ExperimentStatus.choices)
    tags = TagList()
    metadata = FreeMap(
        help_text=(
            "As it was given; accuracy, loss, f1_score and auc are filled in from "
            "`metrics` where it has none."
        )
    )
    created_at = TimeField()
    updated_at = TimeField()
    metrics = serializers.DictField(
        child=FiniteNumberField(),
        help_text=(
            "Newest finite values of the newest run, or of the run by whose id the "
            "experiment was looked up; empty without one. What is no finite number is "
            "in `special_metrics`."
        ),
    )
    special_metrics = serializers.DictField(
        child=serializers.ChoiceField(["NaN", "Infinity", "-Infinity"]),
        help_text=(
            "Newest values of that run which are no finite numbers, by metric, as "
            "words; absent where there is none."
        ),
    )
    duration_seconds = FiniteNumberField(help_text="Seconds that this run took.")
    created_by = Text()

    def to_representation(self, instance: Experiment) -> dict[str, Any]:
        runs: dict[int, Run] = self.context["latest"]
        run = runs.get(instance.latest_run_id or 0)
        return self.known(summary(instance, run))


class ExperimentArtifactSerializer(AnswerSerializer):
    """A file of one of the experiment's runs or logged models."""

    absent_when_unknown = frozenset({"run_id"})

    name = Text()
    path = Text(help_text="Relative to its run, or the URI of a reference.")
    size_bytes = Whole()
    type = Text()
    size = Whole(help_text="As size_bytes.")
    uri = Text()
    artifact_type = Text()
    run_id = Text()

    def to_representation(self, instance: Artifact) -> dict[str, Any]:
        path = instance.uri or instance.path
        kind = instance.artifact_type or "file"
        return self.known(
            {
                "name": instance.path.rpartition("/")[2],
                "path": path,
                "size_bytes": instance.size_bytes,
                "type": kind,
                "size": instance.size_bytes,
                "uri": path,
                "artifact_type": kind,
                "run_id": instance.run.uid if instance.run else None,
            }
        )


@extend_schema_serializer(component_name="ExperimentDetailResponse")
class ExperimentDetailSerializer(ExperimentSerializer):
    """An experiment with what its runs logged; the instance is its history."""

    absent_when_unknown = ExperimentSerializer.absent_when_unknown | {
        "completed_at",
        "hyperparameters",
        "model_id",
        "run_count",
    }

    logs = serializers.ListField(
        child=Text(), help_text="What was recorded, oldest first, one event a line."
    )
    artifacts = ExperimentArtifactSerializer(many=True)
    completed_at = TimeField(help_text="When this run ended.")
    hyperparameters = FreeMap(help_text="Parameters of this run.")
    model_id = Text(help_text="The newest model version made from its runs.")
    run_count = Whole()

    def to_representation(self, instance: Any) -> dict[str, Any]:
        history: ExperimentHistory = instance
        run = history.shown
        ended_ms = run.ended_ms if run else None
        return self.known(
            summary(history.experiment, run)
            | {
                "logs": history.lines(),
                "artifacts": ExperimentArtifactSerializer(
                    history.artifacts, many=True
                ).data,
                "completed_at": None if ended_ms is None else stamp_ms(ended_ms),
                "hyperparameters": parameters(run) if run else None,
                "model_id": history.model_id,
                "run_count": history.run_count,
            }
        )


def summary(experiment: Experiment, run: Run | None) -> dict[str, Any]:
    """Return what list and detail show; the run is the newest, whole."""
    metrics, special = _newest(run.latest_metrics.all()) if run else ({}, {})
    owner, maker = experiment.owner, experiment.created_by
    fill = {name: metrics[name] for name in FILLED_METADATA if name in metrics}
    return {
        "id": str(experiment.pk),
        "name": experiment.name,
        "description": experiment.description,
        "owner": owner.username if owner else "",
        "status": experiment.status,
        "tags": [labels.join(tag.key.name, tag.value) for tag in experiment.tags.all()],
        "metadata": fill | experiment.metadata,
        "created_at": stamp(experiment.created_at),
        "updated_at": stamp(experiment.updated_at),
        "metrics": metrics,
        "special_metrics": special or None,
        "duration_seconds": run.duration_seconds if run else None,
        "created_by": maker.username if maker else None,
    }


def _newest(
    metrics: Iterable[LatestMetric],
) -> tuple[dict[str, float], dict[str, str]]:
    """Return name → value, and name → word for those that are no finite numbers.

    Of a metric on several datasets it is the first by name that is finite.
    """
    found: dict[str, float] = {}
    words: dict[str, str] = {}
    for metric in metrics:
        if metric.special is None:
            found.setdefault(metric.key.name, metric.value)
        else:
            words.setdefault(metric.key.name, metric.special)
    return found, {name: words[name] for name in words if name not in found}


def parameters(run: Run) -> dict[str, Any]:
    return {param.key.name: param.plain for param in run.params.all()}
