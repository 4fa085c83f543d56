"""Bodies of requests about features (client-contract, section 1.3)."""

from typing import Any

from rest_framework import serializers

from datasets.serializers.binding import FeatureBindingBodySerializer
from datasets.states import DataType, FeatureStatus, FeatureType
from mlops.core.fields import FiniteNumberField, NameText, Text, Truth, Whole
from mlops.core.serializers import StrictSerializer

MAX_DESCRIPTION = 1000
MAX_TEXT = 100_000
LABEL = "A label that people keep here; it binds nothing, `binding` does."


class TextList(serializers.ListField):
    """A list of short texts."""

    child = Text(max_length=255)

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=1000, **options)


class FeatureTransformationSerializer(StrictSerializer):
    transformation_type = Text(max_length=100)
    code = Text(max_length=MAX_TEXT, trim_whitespace=False)
    parameters = serializers.DictField(required=False)


class FeatureValidationSerializer(StrictSerializer):
    rule_type = Text(max_length=100)
    parameters = serializers.DictField()
    is_blocking = Truth(default=False)


class FeatureCreateSerializer(StrictSerializer):
    feature_name = NameText(min_length=3, max_length=100)
    feature_type = serializers.ChoiceField(FeatureType.choices)
    data_type = serializers.ChoiceField(DataType.choices)
    description = Text(min_length=10, max_length=MAX_DESCRIPTION)
    owner = Text(
        required=False,
        max_length=255,
        help_text="Accepted and ignored: the owner is the caller.",
    )
    tags = TextList(required=False)
    transformation = FeatureTransformationSerializer(required=False, allow_null=True)
    validation_rules = FeatureValidationSerializer(many=True, required=False)
    upstream_features = TextList(required=False)
    duckdb_table = Text(
        required=False, allow_null=True, max_length=255, help_text=LABEL
    )
    duckdb_view = Text(required=False, allow_null=True, max_length=255, help_text=LABEL)
    binding = FeatureBindingBodySerializer(
        required=False,
        allow_null=True,
        help_text="Where the values are; null: nowhere.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.pop("owner", None)
        return attrs


class FeatureUpdateSerializer(StrictSerializer):
    """Null means "leave as it is"; for transformation, tables and binding, "none"."""

    description = Text(
        required=False, allow_null=True, min_length=10, max_length=MAX_DESCRIPTION
    )
    tags = TextList(required=False, allow_null=True)
    status = serializers.ChoiceField(
        FeatureStatus.choices, required=False, allow_null=True
    )
    transformation = FeatureTransformationSerializer(required=False, allow_null=True)
    validation_rules = serializers.ListField(
        child=FeatureValidationSerializer(), required=False, allow_null=True
    )
    upstream_features = TextList(required=False, allow_null=True)
    duckdb_table = Text(
        required=False, allow_null=True, max_length=255, help_text=LABEL
    )
    duckdb_view = Text(required=False, allow_null=True, max_length=255, help_text=LABEL)
    binding = FeatureBindingBodySerializer(
        required=False,
        allow_null=True,
        help_text="Where the values are; null: nowhere.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        clearable = {"transformation", "duckdb_table", "duckdb_view", "binding"}
        return {
            name: value
            for name, value in attrs.items()
            if value is not None or name in clearable
        }


class FeatureVersionCreateSerializer(StrictSerializer):
    version = NameText(max_length=100)
    changelog = Text(min_length=10, max_length=MAX_TEXT)
    breaking_changes = Truth(default=False)
    created_by = Text(
        required=False,
        max_length=255,
        help_text="Accepted and ignored: the author is the caller.",
    )
    transformation_snapshot = FeatureTransformationSerializer(
        required=False, allow_null=True
    )
    validation_snapshot = FeatureValidationSerializer(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.pop("created_by", None)
        return attrs


class FeatureUsageCreateSerializer(StrictSerializer):
    feature_name = Text(max_length=100)
    feature_version = Text(max_length=100)
    used_by_model = Text(max_length=255)
    model_version = Text(max_length=255)
    environment = Text(max_length=100)
    feature_importance = FiniteNumberField(required=False, allow_null=True)
    correlation_with_target = FiniteNumberField(
        required=False, allow_null=True, min_value=-1, max_value=1
    )
    execution_id = Text(required=False, allow_null=True, max_length=255)
    execution_duration_ms = Whole(
        required=False, allow_null=True, min_value=0, max_value=2**53
    )
