"""Where a feature's values are, and what became of columns, on the wire."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from datasets.analytics.expression import LONGEST
from datasets.models import BindingTarget, FeatureBinding
from datasets.models.binding import MAX_KEY
from datasets.states import (
    BindingOrigin,
    BindingState,
    DatasetEventKind,
    EventSeverity,
)
from mlops.core.fields import Text
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField


def _column(text: str) -> Text:
    return Text(
        required=False,
        allow_null=True,
        max_length=255,
        trim_whitespace=False,
        help_text=text,
    )


class FeatureBindingBodySerializer(StrictSerializer):
    """A dataset, and one of `column` and `expression` in its current version."""

    dataset = Text(max_length=200, help_text="Its name or id.")
    column = _column("The column that holds the values.")
    expression = Text(
        required=False,
        allow_null=True,
        max_length=LONGEST,
        help_text="In place of a column: + - * / and parentheses over numbers and "
        "columns of numbers, in double precision. Names with other characters than "
        "letters, digits and _ stand in double quotes: "
        '`("close price" - open) / open`.',
    )
    entity_key = serializers.ListField(
        child=Text(max_length=255, trim_whitespace=False),
        required=False,
        allow_null=True,
        max_length=MAX_KEY,
        help_text="Columns that say whose value a row holds.",
    )
    event_time = _column("The column of dates or times at which a value holds.")

    def validate(self, attrs: dict[str, Any]) -> Any:
        given = [name for name in ("column", "expression") if attrs.get(name)]
        if len(given) != 1:
            raise serializers.ValidationError(
                {"column": "Give one of column and expression."}
            )
        key = attrs.get("entity_key") or []
        if len(set(key)) != len(key):
            raise serializers.ValidationError(
                {"entity_key": "A column is named twice."}
            )
        return BindingTarget(
            dataset=attrs["dataset"],
            column=attrs.get("column") or "",
            expression=attrs.get("expression") or "",
            entity_key=key,
            event_time=attrs.get("event_time") or "",
        )


class FeatureBindingSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {
            "dataset_id",
            "column",
            "expression",
            "event_time",
            "broken_since",
            "reason",
            "bound_by",
        }
    )

    dataset = serializers.CharField(source="dataset_name")
    dataset_id = serializers.CharField(help_text="Absent when it was deleted.")
    column = serializers.SerializerMethodField()
    expression = serializers.SerializerMethodField()
    entity_key = serializers.ListField(child=serializers.CharField())
    event_time = serializers.SerializerMethodField()
    types = serializers.DictField(
        child=serializers.CharField(),
        help_text="The columns that are used, and their types when it was bound.",
    )
    state = serializers.ChoiceField(BindingState.choices)
    broken_since = serializers.IntegerField(
        help_text="The first version of the dataset that does not go with the binding."
    )
    reason = serializers.SerializerMethodField(help_text="Why it is broken.")
    origin = serializers.ChoiceField(
        BindingOrigin.choices,
        help_text="`migration`: made when features were not bound yet, of the one "
        "dataset that had had a column of the feature's name.",
    )
    bound_by = serializers.SerializerMethodField()
    bound_at = TimeField()

    def get_column(self, binding: FeatureBinding) -> str | None:
        return binding.column or None

    def get_expression(self, binding: FeatureBinding) -> str | None:
        return binding.expression or None

    def get_event_time(self, binding: FeatureBinding) -> str | None:
        return binding.event_time or None

    def get_reason(self, binding: FeatureBinding) -> str | None:
        return binding.reason or None

    def get_bound_by(self, binding: FeatureBinding) -> str | None:
        return binding.bound_by.username if binding.bound_by else None


class DatasetEventColumnSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset({"after"})

    name = serializers.CharField()
    before = serializers.CharField(help_text="Its type.")
    after = serializers.CharField(help_text="Absent of a column that went.")


@extend_schema_serializer(component_name="DatasetEventResponse")
class DatasetEventSerializer(AnswerSerializer):
    """What a version that became current did to columns and features."""

    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {"dataset_id", "version", "feature_name"}
    )

    id = serializers.CharField()
    kind = serializers.ChoiceField(DatasetEventKind.choices)
    severity = serializers.ChoiceField(EventSeverity.choices)
    dataset_id = serializers.CharField()
    dataset_name = serializers.CharField()
    version = serializers.IntegerField(source="version_number")
    feature_name = serializers.SerializerMethodField()
    columns = DatasetEventColumnSerializer(many=True)
    message = serializers.CharField()
    created_at = TimeField()

    def get_feature_name(self, event: Any) -> str | None:
        return event.feature.feature_name if event.feature else None


@extend_schema_serializer(component_name="FeatureEventsResponse")
class FeatureEventsSerializer(AnswerSerializer):
    events = DatasetEventSerializer(many=True, help_text="The newest 100.")
