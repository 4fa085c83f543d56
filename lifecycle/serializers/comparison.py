"""Bodies and answers of comparing the versions of a model."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from mlops.core.fields import FiniteNumberField, Text
from mlops.core.serializers import AnswerSerializer, StrictSerializer


class ModelComparisonRequestSerializer(StrictSerializer):
    versions = serializers.ListField(
        child=Text(max_length=100), min_length=1, max_length=100, allow_empty=False
    )


class MetricComparisonSerializer(AnswerSerializer):
    absent_when_unknown = frozenset({"dataset"})

    metric_name = Text()
    values = serializers.DictField(
        child=FiniteNumberField(), help_text="Version → value."
    )
    dataset = Text(help_text="Where the metric was measured on a named one.")


@extend_schema_serializer(component_name="ModelComparisonResponse")
class ModelComparisonSerializer(AnswerSerializer):
    model_name = Text()
    comparisons = MetricComparisonSerializer(many=True)
