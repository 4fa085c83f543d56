"""Features as the contract writes them (client-contract, section 1.3)."""

from typing import ClassVar

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from datasets.models import Feature, FeatureUsage, FeatureVersion
from datasets.serializers.binding import FeatureBindingSerializer
from datasets.serializers.feature_requests import (
    FeatureTransformationSerializer,
    FeatureValidationSerializer,
)
from datasets.states import UNBOUND, BindingState, DataType, FeatureStatus, FeatureType
from mlops.core.serializers import AnswerSerializer, TimeField

BINDING_STATES = [*BindingState.choices, (UNBOUND, UNBOUND)]


class FeatureStatisticsSerializer(AnswerSerializer):
    """Of what the feature is bound to, in the current version of that dataset."""

    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {"mean", "median", "std", "min", "max", "distribution", "calculated_at"}
    )

    mean = serializers.FloatField()
    median = serializers.FloatField()
    std = serializers.FloatField(help_text="Of the sample (n - 1).")
    min = serializers.FloatField()
    max = serializers.FloatField()
    missing_ratio = serializers.FloatField(help_text="A fraction in [0, 1].")
    distribution = serializers.ListField(
        child=serializers.DictField(),
        help_text="Values with their counts; of numbers 20 bins, whose `low` and "
        "`high` are exact and whose `value` is a short label near the middle.",
    )
    calculated_at = TimeField()


@extend_schema_serializer(component_name="FeatureResponse")
class FeatureSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {
            "transformation",
            "duckdb_table",
            "duckdb_view",
            "statistics",
            "statistics_reason",
            "binding",
            "last_used_at",
            "deprecated_at",
        }
    )

    id = serializers.CharField()
    feature_name = serializers.CharField()
    current_version = serializers.CharField()
    feature_type = serializers.ChoiceField(FeatureType.choices)
    data_type = serializers.ChoiceField(DataType.choices)
    status = serializers.ChoiceField(FeatureStatus.choices)
    description = serializers.CharField()
    owner = serializers.SerializerMethodField()
    tags = serializers.ListField(child=serializers.CharField())
    upstream_features = serializers.SerializerMethodField()
    downstream_features = serializers.SerializerMethodField()
    validation_rules = FeatureValidationSerializer(many=True)
    usage_count = serializers.IntegerField()
    created_at = TimeField()
    updated_at = TimeField()
    transformation = FeatureTransformationSerializer()
    duckdb_table = serializers.CharField()
    duckdb_view = serializers.CharField()
    statistics = FeatureStatisticsSerializer(source="column_statistics")
    statistics_reason = serializers.CharField(
        help_text="Why there are no statistics; absent where there are."
    )
    binding_state = serializers.ChoiceField(BINDING_STATES)
    binding = FeatureBindingSerializer(source="bound_to")
    last_used_at = TimeField()
    deprecated_at = TimeField()
    name = serializers.CharField(source="feature_name", help_text="As feature_name.")
    type = serializers.ChoiceField(
        FeatureType.choices, source="feature_type", help_text="As feature_type."
    )
    version = serializers.CharField(
        source="current_version", help_text="As current_version."
    )
    created_by = serializers.SerializerMethodField(
        method_name="get_owner", help_text="As owner: who made it owns it."
    )

    def get_owner(self, feature: Feature) -> str:
        return feature.owner.username if feature.owner else ""

    def get_upstream_features(self, feature: Feature) -> list[str]:
        return sorted(item.feature_name for item in feature.upstream.all())

    def get_downstream_features(self, feature: Feature) -> list[str]:
        return sorted(item.feature_name for item in feature.downstream.all())


@extend_schema_serializer(component_name="FeatureVersionResponse")
class FeatureVersionSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {"transformation_snapshot", "rolled_back_at"}
    )

    id = serializers.CharField()
    feature_name = serializers.CharField(source="feature.feature_name")
    version = serializers.CharField()
    changelog = serializers.CharField()
    breaking_changes = serializers.BooleanField()
    validation_snapshot = FeatureValidationSerializer(many=True)
    created_by = serializers.SerializerMethodField()
    created_at = TimeField()
    is_rolled_back = serializers.BooleanField()
    transformation_snapshot = FeatureTransformationSerializer()
    rolled_back_at = TimeField()

    def get_created_by(self, version: FeatureVersion) -> str:
        return version.created_by.username if version.created_by else ""


@extend_schema_serializer(component_name="FeatureVersionListResponse")
class FeatureVersionListSerializer(AnswerSerializer):
    versions = FeatureVersionSerializer(many=True)
    total = serializers.IntegerField()


class FeatureLineageNodeSerializer(AnswerSerializer):
    feature_name = serializers.CharField()
    version = serializers.CharField()
    relationship = serializers.CharField(help_text="upstream or downstream")


@extend_schema_serializer(component_name="FeatureLineageResponse")
class FeatureLineageSerializer(AnswerSerializer):
    feature_name = serializers.CharField()
    current_version = serializers.CharField()
    upstream_features = FeatureLineageNodeSerializer(many=True)
    downstream_features = FeatureLineageNodeSerializer(many=True)
    all_upstream = serializers.ListField(child=serializers.CharField())
    all_downstream = serializers.ListField(child=serializers.CharField())
    direct_dependents_count = serializers.IntegerField()
    total_dependents_count = serializers.IntegerField()


@extend_schema_serializer(component_name="FeatureUsageResponse")
class FeatureUsageSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {
            "feature_importance",
            "correlation_with_target",
            "execution_id",
            "execution_duration_ms",
            "dataset_name",
            "dataset_version",
        }
    )

    id = serializers.CharField()
    feature_name = serializers.SerializerMethodField()
    feature_version = serializers.CharField()
    used_by_model = serializers.CharField()
    model_version = serializers.CharField()
    environment = serializers.CharField()
    usage_timestamp = TimeField(source="used_at")
    feature_importance = serializers.FloatField()
    correlation_with_target = serializers.FloatField()
    execution_id = serializers.CharField()
    execution_duration_ms = serializers.IntegerField()
    dataset_name = serializers.SerializerMethodField(
        help_text="What the feature was bound to when this was recorded."
    )
    dataset_version = serializers.SerializerMethodField()

    def get_dataset_name(self, use: FeatureUsage) -> str | None:
        return use.data_version.dataset.name if use.data_version else None

    def get_dataset_version(self, use: FeatureUsage) -> int | None:
        return use.data_version.number if use.data_version else None

    def get_feature_name(self, use: FeatureUsage) -> str:
        return use.feature.feature_name


class FeatureStatisticsResponseSerializer(AnswerSerializer):
    """Figures of the feature's data and of its recorded use."""

    absent_when_unknown: ClassVar[frozenset[str]] = frozenset(
        {
            "avg_feature_importance",
            "avg_correlation",
            "first_used_at",
            "last_used_at",
            "dataset_name",
            "dataset_version",
            "statistics_reason",
        }
    )

    feature_name = serializers.CharField()
    feature_version = serializers.CharField()
    statistics = serializers.DictField(
        child=serializers.FloatField(),
        help_text="Of what the feature is bound to, in the current version of that "
        "dataset; empty where `statistics_reason` says why.",
    )
    statistics_reason = serializers.CharField()
    generated_at = TimeField(
        help_text="When the figures of the data were computed; now without such."
    )
    total_usage_count = serializers.IntegerField()
    unique_models_count = serializers.IntegerField()
    environments = serializers.DictField(child=serializers.IntegerField())
    avg_feature_importance = serializers.FloatField()
    avg_correlation = serializers.FloatField()
    first_used_at = TimeField()
    last_used_at = TimeField()
    dataset_name = serializers.CharField()
    dataset_version = serializers.IntegerField()
