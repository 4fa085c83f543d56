"""Bodies and answers of runs, their metrics and their files."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle import labels
from lifecycle.models import Artifact, LatestMetric, MetricPoint, Param, Run
from lifecycle.models.key import MAX_KEY_LENGTH
from lifecycle.serializers.parts import (
    ArtifactReferenceSerializer,
    LoggedNumberField,
    MetricSnapshotSerializer,
    ParameterSnapshotSerializer,
    TagList,
    many,
)
from lifecycle.states import RunStatus, ShownRunStatus
from lifecycle.times import stamp, stamp_ms
from mlops.core.fields import FiniteNumberField, NameText, Text, Whole, ZonedTime
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField

NOTE_TAG = "mlflow.note.content"
"""Where MLflow clients keep what we call notes."""

Row = dict[str, Any]


class RunCreateSerializer(StrictSerializer):
    run_id = NameText(
        required=False,
        min_length=8,
        max_length=256,
        help_text="The client's own id; the server makes one if it is left out.",
    )
    experiment_name = Text(max_length=500, help_text="Name or id.")
    parameters = many(
        ParameterSnapshotSerializer(),
        required=False,
    )
    metrics = many(
        MetricSnapshotSerializer(),
        required=False,
    )
    dataset_name = Text(required=False, allow_null=True, max_length=500)
    dataset_version = Text(
        required=False,
        allow_null=True,
        max_length=100,
        help_text="A number, a digest, or latest, which is also the default.",
    )
    tags = TagList(required=False)
    artifacts = many(
        ArtifactReferenceSerializer(),
        required=False,
    )
    notes = Text(required=False, allow_null=True, allow_blank=True, max_length=100_000)


class RunUpdateSerializer(StrictSerializer):
    status = serializers.ChoiceField(
        choices=ShownRunStatus.choices, required=False, allow_null=True
    )
    metrics = many(
        MetricSnapshotSerializer(),
        required=False,
        allow_null=True,
    )
    completed_at = ZonedTime(
        required=False, allow_null=True, help_text="Goes with a status that ends."
    )
    artifacts = many(
        ArtifactReferenceSerializer(),
        required=False,
        allow_null=True,
    )
    notes = Text(required=False, allow_null=True, allow_blank=True, max_length=100_000)


class MetricPointCreateSerializer(StrictSerializer):
    metric_name = Text(max_length=MAX_KEY_LENGTH)
    value = FiniteNumberField()
    step = Whole(required=False, default=0)
    timestamp = ZonedTime(
        required=False, help_text="Left out, it is the time of arrival."
    )
    dataset = Text(required=False, allow_null=True, max_length=500)


class MetricBatchCreateSerializer(StrictSerializer):
    metrics = many(
        MetricPointCreateSerializer(),
        allow_empty=False,
        min_length=1,
    )


@extend_schema_serializer(component_name="MetricBatchResponse")
class MetricBatchSerializer(AnswerSerializer):
    run_id = Text()
    recorded = Whole(help_text="Points that were received.")


class LoggedMetricSerializer(AnswerSerializer):
    metric_name = Text()
    value = LoggedNumberField(
        help_text="A number; NaN and the infinities are these words."
    )
    dataset = Text(allow_null=True, help_text="The dataset it was measured on.")
    step = Whole(help_text="The step that the newest value was logged at.")

    def to_representation(self, instance: LatestMetric) -> Row:
        return {
            "metric_name": instance.key.name,
            "value": instance.special or instance.value,
            "dataset": instance.dataset or None,
            "step": instance.step,
        }


@extend_schema_serializer(component_name="MetricPointResponse")
class MetricPointSerializer(AnswerSerializer):
    """One logged value. What is no finite number is named in `special`."""

    absent_when_unknown = frozenset({"value", "special", "dataset"})

    step = Whole()
    timestamp = TimeField()
    value = FiniteNumberField()
    special = Text(help_text="NaN, Infinity or -Infinity.")
    dataset = Text()

    def to_representation(self, instance: MetricPoint) -> Row:
        special = instance.special
        return self.known(
            {
                "step": instance.step,
                "timestamp": stamp_ms(instance.timestamp_ms),
                "value": None if special else instance.value,
                "special": special,
                "dataset": instance.dataset or None,
            }
        )


@extend_schema_serializer(component_name="RunArtifactResponse")
class RunArtifactSerializer(AnswerSerializer):
    """A file of a run; `download_url` where its bytes are here."""

    absent_when_unknown = frozenset({"sha256", "download_url", "created_by"})

    path = Text()
    name = Text()
    uri = Text()
    artifact_type = Text()
    size_bytes = Whole()
    is_stored = serializers.BooleanField(help_text="False for a mere reference.")
    sha256 = Text()
    download_url = Text()
    created_by = Text()
    created_at = TimeField()

    def to_representation(self, instance: Artifact) -> Row:
        return self.known(
            {
                "path": instance.path,
                "name": instance.path.rpartition("/")[2],
                "uri": instance.uri or instance.path,
                "artifact_type": instance.artifact_type or "file",
                "size_bytes": instance.size_bytes,
                "is_stored": instance.is_stored,
                "sha256": instance.sha256 or None,
                "download_url": self.context["url_of"](instance),
                "created_by": _name(instance.created_by),
                "created_at": stamp(instance.created_at),
            }
        )


@extend_schema_serializer(component_name="RunResponse")
class RunSerializer(AnswerSerializer):
    """A run with all that it logged."""

    absent_when_unknown = frozenset({"name", "created_by", "duration_seconds"})

    run_id = Text()
    experiment_name = Text()
    status = serializers.ChoiceField(choices=ShownRunStatus.choices)
    started_at = TimeField()
    completed_at = TimeField(allow_null=True)
    parameters = ParameterSnapshotSerializer(many=True)
    metrics = LoggedMetricSerializer(many=True, help_text="The newest value of each.")
    dataset_name = Text(allow_null=True)
    dataset_version = Text(allow_null=True)
    tags = TagList()
    artifacts = ArtifactReferenceSerializer(many=True)
    notes = Text(allow_null=True)
    name = Text()
    created_by = Text()
    duration_seconds = FiniteNumberField()

    def to_representation(self, instance: Run) -> Row:
        tags = {tag.key.name: tag.value for tag in instance.tags.all()}
        note = tags.pop(NOTE_TAG, None)
        ended_ms = instance.ended_ms
        return self.known(
            {
                "run_id": instance.uid,
                "experiment_name": instance.experiment.name,
                "status": shown_status(instance.status),
                "started_at": stamp_ms(instance.started_ms),
                "completed_at": None if ended_ms is None else stamp_ms(ended_ms),
                "parameters": [_parameter(one) for one in instance.params.all()],
                "metrics": LoggedMetricSerializer(
                    instance.latest_metrics.all(), many=True
                ).data,
                **_dataset(instance),
                "tags": [labels.join(key, value) for key, value in tags.items()],
                "artifacts": [_reference(one) for one in instance.artifacts.all()],
                "notes": note if instance.notes is None else instance.notes,
                "name": instance.name or None,
                "created_by": _name(instance.created_by),
                "duration_seconds": instance.duration_seconds,
            }
        )


def shown_status(status: str) -> str:
    """Return one of the four words of the contract."""
    return RunStatus.RUNNING if status == RunStatus.SCHEDULED else status


def _name(user: Any) -> str | None:
    return user.username if user else None


def _parameter(param: Param) -> Row:
    return {"name": param.key.name, "value": param.plain}


def _dataset(run: Run) -> Row:
    """Return the first dataset that the run read, as the catalogue calls it.

    One that is not catalogued has the client's name and digest.
    """
    for link in run.inputs.all():
        version = link.dataset.version
        name = version.dataset.name if version else link.dataset.name
        label = str(version.number) if version else link.dataset.digest
        return {"dataset_name": name, "dataset_version": label}
    return {"dataset_name": None, "dataset_version": None}


def _reference(artifact: Artifact) -> Row:
    return {
        "name": artifact.path,
        "uri": artifact.uri or artifact.path,
        "artifact_type": artifact.artifact_type or "file",
        "size_bytes": artifact.size_bytes,
    }
