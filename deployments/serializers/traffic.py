"""Time series of what the gateway counted."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from deployments.models.report import TrafficPoint
from mlops.core.serializers import AnswerSerializer, TimeField


class TrafficPointSerializer(AnswerSerializer):
    """Percentiles are right to about 5 %; null where nothing was timed."""

    at = TimeField(source="starts_at", help_text="The beginning of the step.")
    request_count = serializers.IntegerField(source="figures.request_count")
    error_count = serializers.IntegerField(source="figures.error_count")
    client_error_count = serializers.IntegerField(
        source="figures.client_error_count", help_text="4xx: the caller's errors."
    )
    rejected_count = serializers.IntegerField(
        source="figures.rejected_count", help_text="Turned away by overload."
    )
    unavailable_count = serializers.IntegerField(
        source="figures.unavailable_count", help_text="Found no instance ready (503)."
    )
    non_finite_count = serializers.IntegerField(
        source="figures.non_finite_count",
        help_text="Answered with a NaN or an infinity.",
    )
    rps = serializers.FloatField(help_text="Requests per second.")
    error_rate = serializers.FloatField(
        source="figures.error_rate", help_text="In [0, 1]."
    )
    unavailable_rate = serializers.FloatField(
        source="figures.unavailable_rate", help_text="In [0, 1]."
    )
    avg_ms = serializers.FloatField(source="figures.avg_latency_ms", allow_null=True)
    p50_ms = serializers.SerializerMethodField()
    p95_ms = serializers.SerializerMethodField()
    p99_ms = serializers.SerializerMethodField()
    own_p95_ms = serializers.FloatField(
        source="figures.own_p95_latency_ms",
        allow_null=True,
        help_text="The 95th percentile of the model's own time in milliseconds, "
        "without waits for a processor; null where nothing was timed.",
    )

    def get_p50_ms(self, point: TrafficPoint) -> float | None:
        return point.figures.percentile_ms(0.5)

    def get_p95_ms(self, point: TrafficPoint) -> float | None:
        return point.figures.percentile_ms(0.95)

    def get_p99_ms(self, point: TrafficPoint) -> float | None:
        return point.figures.percentile_ms(0.99)


@extend_schema_serializer(component_name="DeploymentTrafficResponse")
class TrafficSerializer(AnswerSerializer):
    """The window as a whole and step by step, the oldest step first."""

    deployment_id = serializers.CharField()
    window = serializers.CharField()
    step_seconds = serializers.IntegerField()
    total = TrafficPointSerializer()
    series = TrafficPointSerializer(many=True)
