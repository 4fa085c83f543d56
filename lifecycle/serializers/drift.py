"""Bodies and answers of drift events."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from lifecycle.models import DriftEvent
from lifecycle.models.key import MAX_KEY_LENGTH
from lifecycle.states import DriftSeverity
from lifecycle.times import stamp
from mlops.core.fields import FiniteNumberField, Text
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField

MAX_TEXT = 100_000


class DriftEventCreateSerializer(StrictSerializer):
    model_name = Text(max_length=256)
    version = Text(max_length=100)
    severity = serializers.ChoiceField(choices=DriftSeverity.choices)
    metric_name = Text(max_length=MAX_KEY_LENGTH)
    metric_value = FiniteNumberField()
    threshold = FiniteNumberField(required=False, allow_null=True)
    message = Text(
        required=False, allow_null=True, allow_blank=True, max_length=MAX_TEXT
    )
    remediation_action = Text(
        required=False, allow_null=True, allow_blank=True, max_length=MAX_TEXT
    )


@extend_schema_serializer(component_name="DriftEventResponse")
class DriftEventSerializer(AnswerSerializer):
    id = Text()
    model_name = Text()
    version = Text()
    detected_at = TimeField()
    severity = serializers.ChoiceField(choices=DriftSeverity.choices)
    metric_name = Text()
    metric_value = FiniteNumberField()
    threshold = FiniteNumberField(allow_null=True)
    message = Text(allow_null=True)
    remediation_action = Text(allow_null=True)

    def to_representation(self, instance: DriftEvent) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "model_name": instance.version.model.name,
            "version": instance.version.version,
            "detected_at": stamp(instance.detected_at),
            "severity": instance.severity,
            "metric_name": instance.metric_name,
            "metric_value": instance.metric_value,
            "threshold": instance.threshold,
            "message": instance.message,
            "remediation_action": instance.remediation_action,
        }
