"""Bodies that clients send; shapes are checked here, rules in the models."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from deployments.plan import STEP_S, STICKY_HEADER, DeploymentPlan, Strategy
from deployments.serializers.parts import (
    DeploymentMetricsSerializer,
    EndpointConfigSerializer,
    StrategySerializer,
)
from deployments.states import Environment, Rollout, Status, StickyBy
from mlops.core.fields import ReasonText, Text
from mlops.core.serializers import StrictSerializer


class _DeploySerializer(StrictSerializer):
    """What both forms of a new deployment have."""

    environment = serializers.ChoiceField(choices=Environment.choices)

    def plan_of(self, body: dict[str, Any]) -> DeploymentPlan:
        """Return what the body asks for beside the version and the place."""
        strategy = body.get("strategy") or {}
        return DeploymentPlan(
            **(body.get("endpoint_config") or {}),
            strategy=Strategy(
                Rollout(strategy.get("type", Rollout.ALL_AT_ONCE)),
                tuple(strategy.get("steps", ())),
                strategy.get("seconds_per_step", STEP_S),
                StickyBy(strategy.get("sticky_by", StickyBy.REQUEST)),
                strategy.get("sticky_header", STICKY_HEADER),
            ),
        )

    def validate(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "plan": self.plan_of(body)}


class ModelDeploySerializer(_DeploySerializer):
    model_id = Text(
        max_length=400, help_text="Its id, or `name:version`, or `name/version`."
    )
    endpoint_config = EndpointConfigSerializer(required=False, allow_null=True)
    strategy = StrategySerializer(required=False)
    deployment_notes = Text(
        required=False, allow_null=True, allow_blank=True, max_length=10_000
    )


class DeploymentCreateSerializer(_DeploySerializer):
    """Names the version by `model_id`, or by `model_name` and `model_version`."""

    model_id = Text(
        required=False,
        max_length=400,
        help_text="Its id, or `name:version`, or `name/version`.",
    )
    model_name = Text(required=False, max_length=256)
    model_version = Text(required=False, max_length=100)
    experiment_name = Text(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=500,
        help_text="Known from the version's run; if given, it must be that one.",
    )
    endpoint = Text(
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text="Ignored: the endpoint is the server's.",
    )
    endpoint_config = EndpointConfigSerializer(required=False, allow_null=True)
    strategy = StrategySerializer(required=False)
    created_by = Text(
        required=False,
        allow_blank=True,
        max_length=250,
        help_text="Ignored: it is the caller.",
    )
    deployment_notes = Text(
        required=False, allow_null=True, allow_blank=True, max_length=10_000
    )

    def validate(self, body: dict[str, Any]) -> dict[str, Any]:
        has_both = "model_name" in body and "model_version" in body
        if "model_id" not in body and not has_both:
            missing = [
                name for name in ("model_name", "model_version") if name not in body
            ]
            raise serializers.ValidationError(
                dict.fromkeys(
                    missing, "Give model_id, or model_name and model_version."
                )
            )
        return super().validate(body)


class DeploymentUpdateSerializer(StrictSerializer):
    """Only `status` changes anything; what the server measures is refused (409)."""

    status = serializers.ChoiceField(
        choices=Status.choices, required=False, allow_null=True
    )
    health_status = Text(required=False, allow_null=True)
    metrics = DeploymentMetricsSerializer(required=False, allow_null=True)
    endpoint = Text(
        required=False, allow_null=True, help_text="Ignored: it is the server's."
    )
    error_message = ReasonText(
        allow_null=True,
        max_length=10_000,
        help_text="The reason of a `status` that is given with it.",
    )


@extend_schema_serializer(component_name="DeploymentStatusUpdate")
class StatusUpdateSerializer(StrictSerializer):
    status = serializers.ChoiceField(
        choices=Status.choices,
        help_text="failed: cancel what is on its way. rollback: as POST …/rollback. "
        "terminated: retire the active one. Anything else is refused (409).",
    )
    reason = ReasonText(max_length=10_000)


@extend_schema_serializer(component_name="DeploymentRollbackRequest")
class RollbackSerializer(StrictSerializer):
    reason = ReasonText(max_length=10_000)
    target_deployment_id = Text(
        required=False,
        max_length=400,
        help_text="What to return to; by default the newest earlier one that served "
        "and was not undone.",
    )


@extend_schema_serializer(component_name="DeploymentReason")
class ReasonSerializer(StrictSerializer):
    reason = ReasonText(max_length=10_000)
