"""The small objects that bodies and answers of runs and versions are made of."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from lifecycle.models import NewCheck, NewFigure
from lifecycle.models.artifact import Reference
from lifecycle.models.key import MAX_KEY_LENGTH
from lifecycle.states import ChecklistStatus
from mlops.core.fields import FiniteNumberField, Text, Whole, ZonedTime
from mlops.core.serializers import StrictSerializer

MAX_ITEMS = 1000
"""Entries of one list in a body; the MLflow protocol has the same limit."""


@extend_schema_field({"description": "Any JSON value."})
class AnyValue(serializers.JSONField):
    """Any JSON value, null among them, though clients are not told to expect it."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        if data is None:
            return True, None
        return super().validate_empty_values(data)


class TagList(serializers.ListField):
    """Tags, each `a` or `a=b`."""

    child = Text(max_length=MAX_KEY_LENGTH)

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "Tags: `name`, or `name=value`.")
        super().__init__(max_length=MAX_ITEMS, **options)


class FreeMap(serializers.DictField):
    """A map from text to any JSON value."""

    child = AnyValue()


@extend_schema_field(
    {
        "oneOf": [
            {"type": "number", "format": "double"},
            {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
        ]
    }
)
class LoggedNumberField(serializers.Field[Any, Any, Any, Any]):
    """A number of a run, or the word for what JSON has no number for."""

    def to_representation(self, value: float | str) -> float | str:
        return value


class MetricSnapshotSerializer(StrictSerializer):
    metric_name = Text(max_length=MAX_KEY_LENGTH)
    value = FiniteNumberField()
    dataset = Text(
        required=False,
        allow_null=True,
        max_length=500,
        help_text="The dataset it was measured on.",
    )
    step = Whole(
        required=False,
        help_text=(
            "The step of a run. Left out, it is the one after the newest step of "
            "this metric. Not kept with a model version."
        ),
    )


class ParameterSnapshotSerializer(StrictSerializer):
    name = Text(max_length=MAX_KEY_LENGTH)
    value = AnyValue()


class ArtifactReferenceSerializer(StrictSerializer):
    name = Text(max_length=1000)
    uri = Text(
        max_length=2000,
        help_text=(
            "A label that is never opened (s3:, gs:, https: …), or the path of a file "
            "that was uploaded to the run. Local files are refused."
        ),
    )
    artifact_type = Text(max_length=100)
    size_bytes = Whole(
        required=False,
        min_value=0,
        help_text="How many bytes it has, as its client says.",
    )


@extend_schema_serializer(component_name="DeploymentChecklistItem")
class ChecklistItemSerializer(StrictSerializer):
    name = Text(max_length=200)
    status = serializers.ChoiceField(choices=ChecklistStatus.choices, required=False)
    note = Text(required=False, allow_null=True, allow_blank=True, max_length=10_000)
    completed_at = ZonedTime(
        required=False,
        allow_null=True,
        help_text="When it was passed; the server's own time, ignored in a body.",
    )


def many(
    item: serializers.Serializer[Any], **options: Any
) -> serializers.ListSerializer[Any]:
    """Return a list of such items, at most MAX_ITEMS of them."""
    return serializers.ListSerializer(child=item, max_length=MAX_ITEMS, **options)


def figures(metrics: list[dict[str, Any]]) -> list[NewFigure]:
    return [
        NewFigure(metric["metric_name"], metric["value"], metric.get("dataset"))
        for metric in metrics
    ]


def checks(items: list[dict[str, Any]]) -> list[NewCheck]:
    return [
        NewCheck(
            item["name"],
            ChecklistStatus(item.get("status", ChecklistStatus.PENDING)),
            item.get("note"),
        )
        for item in items
    ]


def references(items: list[dict[str, Any]]) -> list[Reference]:
    return [Reference(**item) for item in items]
