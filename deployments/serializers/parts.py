"""Parts that requests and answers share."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from deployments.instance_types import INSTANCE_TYPES, MAX_INSTANCES
from deployments.models.figures import Figures
from deployments.plan import LIMITS, STEP_S, STICKY_HEADER, TIMEOUT_S
from deployments.states import Rollout, StickyBy
from mlops.core.fields import Text, Truth, Whole
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField


class EndpointConfigSerializer(StrictSerializer):
    instances = Whole(
        min_value=1,
        default=1,
        help_text=f"Processes to serve with, 1 to {MAX_INSTANCES}.",
    )
    instance_type = Text(
        default="standard",
        max_length=50,
        help_text=f"One of the catalogue: {', '.join(INSTANCE_TYPES)}.",
    )
    auto_scaling = Truth(
        default=False, help_text="Whether instances follow the requests in flight."
    )
    min_instances = Whole(
        min_value=1,
        required=False,
        allow_null=True,
        help_text="The fewest processes; with `auto_scaling` only.",
    )
    max_instances = Whole(
        min_value=1,
        required=False,
        allow_null=True,
        help_text="The most processes; with `auto_scaling` only.",
    )
    timeout_s = Whole(
        required=False,
        allow_null=True,
        min_value=LIMITS["timeout_s"][0],
        max_value=LIMITS["timeout_s"][1],
        help_text=f"Seconds after which a prediction is 504; {TIMEOUT_S} by default.",
    )
    max_concurrency = Whole(
        required=False,
        allow_null=True,
        min_value=LIMITS["max_concurrency"][0],
        max_value=LIMITS["max_concurrency"][1],
        help_text="Requests that an instance may have at once; 100 by default.",
    )
    max_body_bytes = Whole(
        required=False,
        allow_null=True,
        min_value=LIMITS["max_body_bytes"][0],
        max_value=LIMITS["max_body_bytes"][1],
        help_text="The largest body; by default `MLOPS_MAX_BODY_BYTES`, 16 MiB.",
    )


@extend_schema_serializer(component_name="DeploymentStrategy")
class StrategySerializer(StrictSerializer):
    type = serializers.ChoiceField(choices=Rollout.choices, default=Rollout.ALL_AT_ONCE)
    steps = serializers.ListField(
        child=Whole(min_value=1, max_value=99),
        required=False,
        help_text="A canary's shares of the traffic in percent, rising.",
    )
    seconds_per_step = Whole(
        min_value=1,
        required=False,
        help_text=f"Seconds for which a canary holds each share; {STEP_S} by default.",
    )
    sticky_by = serializers.ChoiceField(
        choices=StickyBy.choices,
        required=False,
        help_text="What tells a canary's callers apart: each keeps the new version "
        "once it got it. By default each request is shared out by chance.",
    )
    sticky_header = Text(
        required=False,
        max_length=64,
        help_text=f"Of `sticky_by` header: its name, {STICKY_HEADER} by default. A "
        "request without it is shared out by chance.",
    )

    def validate(self, strategy: dict[str, Any]) -> dict[str, Any]:
        if "sticky_header" in strategy and strategy.get("sticky_by") != StickyBy.HEADER:
            raise serializers.ValidationError(
                {"sticky_header": 'It is read with "sticky_by": "header" only.'}
            )
        if "seconds_per_step" in strategy and strategy["type"] != Rollout.CANARY:
            raise serializers.ValidationError(
                {"seconds_per_step": "Only a canary has steps."}
            )
        return strategy


class DeploymentMetricsSerializer(AnswerSerializer):
    absent_when_unknown = frozenset({"error_rate", "last_updated"})

    request_count = serializers.IntegerField(help_text="Answered calls, ever.")
    error_count = serializers.IntegerField(
        help_text="Those that the model failed or that timed out."
    )
    error_rate = serializers.FloatField(required=False, help_text="In [0, 1].")
    client_error_count = serializers.IntegerField(
        read_only=True, help_text="Those that it refused: 4xx, the caller's errors."
    )
    non_finite_count = serializers.IntegerField(
        read_only=True, help_text="Those answered with a NaN or an infinity."
    )
    unavailable_count = serializers.IntegerField(
        read_only=True,
        help_text="Those that found no instance ready (503); no errors of the model.",
    )
    unavailable_rate = serializers.FloatField(read_only=True, help_text="In [0, 1].")
    rejected_count = serializers.IntegerField(
        read_only=True, help_text="Those that overload turned away (503)."
    )
    avg_latency_ms = serializers.FloatField(
        required=False, allow_null=True, help_text="Null without traffic."
    )
    p95_latency_ms = serializers.FloatField(
        required=False,
        allow_null=True,
        help_text="To about 5 %; null without traffic.",
    )
    p99_latency_ms = serializers.FloatField(required=False, allow_null=True)
    counted_at = serializers.SerializerMethodField(
        help_text=(
            "Until when the gateways' counts were taken in, to within 15 seconds; "
            "null if never."
        )
    )
    last_updated = TimeField(
        required=False, help_text="The beginning of the last minute with traffic."
    )

    @extend_schema_field(TimeField(allow_null=True))
    def get_counted_at(self, _figures: Figures) -> str | None:
        moment = self.context["counted_at"]
        return None if moment is None else TimeField().to_representation(moment)
