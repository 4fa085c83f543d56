"""Bodies and answers of model versions, their comparison and their drift."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle import labels
from lifecycle.models import Artifact, ModelVersion, VersionMetric, servable
from lifecycle.serializers.parts import (
    ChecklistItemSerializer,
    FreeMap,
    MetricSnapshotSerializer,
    TagList,
    many,
)
from lifecycle.states import ModelStage
from lifecycle.times import stamp
from mlops.core.fields import FiniteNumberField, NameText, ReasonText, Text, Whole
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField

MEGABYTE = 1_000_000
MAX_TEXT = 100_000

Row = dict[str, Any]


class ModelVersionCreateSerializer(StrictSerializer):
    model_name = NameText(min_length=1, max_length=256)
    version = NameText(min_length=1, max_length=100)
    run_id = Text(max_length=256)
    stage = serializers.ChoiceField(
        choices=ModelStage.choices,
        required=False,
        help_text="A version is never registered into production.",
    )
    metrics = many(
        MetricSnapshotSerializer(),
        required=False,
        help_text="Left out, they are the newest metrics of the run.",
    )
    approval_checklist = many(
        ChecklistItemSerializer(),
        required=False,
    )
    framework = Text(required=False, allow_blank=True, max_length=100)
    artifact_path = Text(
        required=False,
        allow_blank=True,
        max_length=1000,
        help_text=(
            "Path of a file uploaded to the run, which is then what is served; or a "
            "label that is never opened. Local files are refused."
        ),
    )
    size_mb = FiniteNumberField(
        required=False, min_value=0, help_text="Ignored: the stored file is measured."
    )
    hyperparameters = FreeMap(required=False)
    description = Text(required=False, allow_blank=True, max_length=MAX_TEXT)
    tags = TagList(required=False)


@extend_schema_serializer(component_name="ChecklistUpdateRequest")
class ModelVersionUpdateSerializer(StrictSerializer):
    stage = serializers.ChoiceField(
        choices=ModelStage.choices, required=False, allow_null=True
    )
    checklist = many(
        ChecklistItemSerializer(),
        required=False,
        allow_null=True,
        help_text=(
            "Replaces the checklist. Another item or status voids an approval, since "
            "it vouched for the checklist that the approver saw."
        ),
    )
    approved_by = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=256,
        help_text="Any value: the caller approves, and the caller's name is kept.",
    )
    approval_notes = ReasonText(allow_null=True, max_length=MAX_TEXT)
    reason = ReasonText(
        allow_null=True,
        max_length=MAX_TEXT,
        help_text=(
            "Why the stage changes; kept in its history, and as rollback_notes when "
            "the version leaves production."
        ),
    )


@extend_schema_serializer(component_name="ModelVersionResponse")
class ModelVersionSerializer(AnswerSerializer):
    """A model version as lists show it.

    `deployment_counts` by version and `frameworks` by artifact are in the context.
    """

    absent_when_unknown = frozenset(
        {
            "name",
            "description",
            "tags",
            "created_by",
            "accuracy",
            "framework",
            "size_mb",
            "deployment_count",
        }
    )

    id = Text()
    model_name = Text()
    version = Text()
    run_id = Text(help_text='"" for a version that no run here made.')
    stage = serializers.ChoiceField(choices=ModelStage.choices)
    approval_checklist = ChecklistItemSerializer(many=True)
    metrics = MetricSnapshotSerializer(many=True)
    approved_by = Text(allow_null=True)
    approved_at = TimeField(allow_null=True)
    rollback_notes = Text(allow_null=True)
    created_at = TimeField()
    updated_at = TimeField()
    name = Text(help_text="As model_name.")
    description = Text()
    tags = TagList()
    created_by = Text()
    accuracy = FiniteNumberField(help_text="The metric of that name, if there is one.")
    number = Whole(help_text="Counts the versions of the model from 1.")
    framework = Text(
        help_text=(
            "As registered, else the flavour that the MLmodel beside the file names: "
            "sklearn, xgboost, lightgbm, onnx, pytorch, …; pyfunc where it names none."
        )
    )
    size_mb = FiniteNumberField(
        help_text=(
            "Millions of bytes of what is served: in the detail of all its files, in "
            "lists of the file that stands for them."
        )
    )
    deployment_count = Whole()

    def to_representation(self, instance: ModelVersion) -> Row:
        counts: dict[Any, int] = self.context.get("deployment_counts", {})
        frameworks: dict[Any, str] = self.context.get("frameworks", {})
        found = instance.framework or frameworks.get(instance.artifact_id)
        row = summary(instance) | {
            "deployment_count": counts.get(instance.pk, 0),
            "framework": found or None,
        }
        return self.known(row)


@extend_schema_serializer(component_name="ModelVersionDetailResponse")
class ModelVersionDetailSerializer(ModelVersionSerializer):
    """A model version with what it was made from and where it serves."""

    absent_when_unknown = ModelVersionSerializer.absent_when_unknown | {
        "hyperparameters",
        "artifact_path",
        "experiment_name",
        "active_deployment_id",
        "approval_notes",
    }

    hyperparameters = FreeMap(help_text="As registered, else the run's parameters.")
    artifact_path = Text(help_text="As registered, else the file that is served.")
    experiment_name = Text()
    active_deployment_id = Text()
    approval_notes = Text()
    stage_history = serializers.ListField(
        child=FreeMap(), help_text="Changes of stage, newest first."
    )

    def to_representation(self, instance: ModelVersion) -> Row:
        artifact = instance.servable_artifact()
        active = instance.deployments.filter(status="active").order_by("-deployed_at")
        active_id = active.values_list("pk", flat=True).first()
        row = summary(instance) | {
            "size_mb": _megabytes(artifact) if artifact else None,
            "framework": instance.framework or servable.framework_of(artifact) or None,
            "deployment_count": instance.deployments.count(),
            "hyperparameters": _hyperparameters(instance),
            "artifact_path": instance.artifact_path or (artifact and artifact.path),
            "experiment_name": instance.run and instance.run.experiment.name,
            "active_deployment_id": str(active_id) if active_id else None,
            "approval_notes": instance.approval_notes or None,
            "stage_history": [
                {
                    "from_stage": change.from_stage,
                    "to_stage": change.to_stage,
                    "changed_by": _name(change.changed_by),
                    "changed_at": stamp(change.changed_at),
                    "reason": change.reason,
                }
                for change in instance.stage_changes.select_related("changed_by")
            ],
        }
        return self.known(row)


def summary(version: ModelVersion) -> Row:
    """Return what list and detail show, from rows that are loaded already."""
    metrics = list(version.metrics.all())
    artifact = version.artifact
    return {
        "id": str(version.pk),
        "model_name": version.model.name,
        "version": version.version,
        "run_id": version.run.uid if version.run else version.run_label,
        "stage": version.stage,
        "approval_checklist": [
            {
                "name": item.name,
                "status": item.status,
                "note": item.note,
                "completed_at": item.completed_at and stamp(item.completed_at),
            }
            for item in version.checklist.all()
        ],
        "metrics": [_metric(metric) for metric in metrics],
        "approved_by": _name(version.approved_by),
        "approved_at": version.approved_at and stamp(version.approved_at),
        "rollback_notes": version.rollback_notes,
        "created_at": stamp(version.created_at),
        "updated_at": stamp(version.updated_at),
        "name": version.model.name,
        "description": version.description,
        "tags": [labels.join(tag.key, tag.value) for tag in version.tags.all()],
        "created_by": _name(version.created_by),
        "accuracy": next((m.value for m in metrics if m.name == "accuracy"), None),
        "number": version.number,
        "size_mb": artifact.size_bytes / MEGABYTE if artifact else None,
    }


def _megabytes(artifact: Artifact) -> float:
    sizes = [one.size_bytes for one in servable.files_of(artifact)]
    return sum(sizes) / MEGABYTE


def _hyperparameters(version: ModelVersion) -> Row | None:
    if version.hyperparameters is not None or version.run is None:
        return version.hyperparameters
    params = version.run.params.select_related("key").order_by("pk")
    return {param.key.name: param.plain for param in params} or None


def _metric(metric: VersionMetric) -> Row:
    return {
        "metric_name": metric.name,
        "value": metric.value,
        "dataset": metric.dataset,
    }


def _name(user: Any) -> str | None:
    return user.username if user else None
