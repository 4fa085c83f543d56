"""Answers about deployments. Figures come from the context, one query per page."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from deployments.journal import journal
from deployments.models import Deployment, DeploymentEvent, TrafficWindow
from deployments.models.figures import Figures
from deployments.models.watch import Watch
from deployments.serializers.parts import (
    DeploymentMetricsSerializer,
    EndpointConfigSerializer,
    StrategySerializer,
)
from deployments.serving import readings
from deployments.states import Environment, Health, Mover, Status
from mlops.core.serializers import AnswerSerializer, TimeField


def context_of(deployments: Iterable[Deployment]) -> dict[str, Any]:
    """Return what the gateways counted of these, what undoes them, and who watches.

    In three queries.
    """
    ids = [one.pk for one in deployments]
    return {
        "figures": TrafficWindow.objects.totals(ids),
        "undoing": Deployment.objects.undoing(ids),
        "watch": Watch.read(),
    }


@extend_schema_serializer(component_name="DeploymentResponse")
class DeploymentSerializer(AnswerSerializer):
    """A deployment. `context_of` makes the context that it takes."""

    absent_when_unknown = frozenset({"deployed_at"})

    id = serializers.CharField()
    model_id = serializers.CharField(source="model_version_id")
    model_name = serializers.CharField(source="slot.model.name")
    model_version = serializers.CharField(source="model_version.version")
    experiment_name = serializers.SerializerMethodField()
    status = serializers.ChoiceField(choices=Status.choices)
    ends_as = serializers.SerializerMethodField(
        help_text=(
            "The status that it was requested to end with; until then it may get "
            "requests. Null if it is not ending."
        )
    )
    ends_note = serializers.SerializerMethodField(
        help_text=(
            "What its end waits for, for people; also that a rollback of it is on its "
            "way, which may fail. Empty where it is not to end."
        )
    )
    environment = serializers.ChoiceField(choices=Environment.choices)
    endpoint = serializers.CharField(help_text="Base URL of the inference protocol.")
    endpoint_config = serializers.SerializerMethodField()
    strategy = serializers.SerializerMethodField()
    health_status = serializers.SerializerMethodField()
    health_reason = serializers.SerializerMethodField(
        help_text="Why it is not healthy, for people; empty if it is."
    )
    judged_at = TimeField(
        allow_null=True,
        help_text="When a reconciler last looked at it, to within five seconds.",
    )
    is_watched = serializers.SerializerMethodField(
        help_text=(
            "Whether a reconciler has looked at anything in the last 15 seconds. If "
            "none has, nothing is healthy, and figures are those of `counted_at`."
        )
    )
    metrics = serializers.SerializerMethodField(
        help_text="What its calls came to; null until there was one."
    )
    traffic_percent = serializers.IntegerField(
        help_text="The share of the endpoint's requests that it answers now."
    )
    ready_instances = serializers.IntegerField(help_text="Processes that answer now.")
    is_current = serializers.BooleanField(
        help_text="Whether it is the one that serves in its environment."
    )
    is_paused = serializers.BooleanField(help_text="Whether its rollout is held.")
    is_promoted = serializers.BooleanField(
        help_text="Whether its rollout is to end with all the traffic, now."
    )
    revision = serializers.IntegerField(
        help_text="Counts deployments of the model in the environment."
    )
    created_by = serializers.SerializerMethodField()
    created_at = TimeField()
    updated_at = TimeField()
    deployed_at = TimeField(help_text="Since when it served.")
    terminated_at = TimeField(allow_null=True)
    rollback_from = serializers.CharField(
        source="rollback_from_id",
        allow_null=True,
        help_text="The deployment that this one undoes.",
    )
    superseded_by = serializers.CharField(
        source="superseded_by_id",
        allow_null=True,
        help_text="The deployment that took this one's place.",
    )
    reason = serializers.CharField(help_text="Why the rollback was requested.")
    deployment_notes = serializers.CharField(source="notes", allow_null=True)
    error_message = serializers.CharField(
        allow_null=True, help_text="Why it failed, for people."
    )

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "_id": serializers.CharField(source="id")}

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_experiment_name(self, deployment: Deployment) -> str | None:
        run = deployment.model_version.run
        return run.experiment.name if run else None

    @extend_schema_field(
        serializers.ChoiceField(choices=Status.choices, allow_null=True)
    )
    def get_ends_as(self, deployment: Deployment) -> str | None:
        return deployment.ends_as or None

    def get_ends_note(self, deployment: Deployment) -> str:
        undoing = self.context["undoing"].get(deployment.pk)
        return self._watch.pending_end_of(deployment, undoing)

    @extend_schema_field(
        serializers.ChoiceField(
            choices=Health.choices,
            help_text="Measured: degraded before it serves, unhealthy after its end.",
        )
    )
    def get_health_status(self, deployment: Deployment) -> str:
        return self._watch.health_of(deployment)

    def get_health_reason(self, deployment: Deployment) -> str:
        return self._watch.reason_of(deployment)

    def get_is_watched(self, deployment: Deployment) -> bool:
        return self._watch.is_kept

    @extend_schema_field(EndpointConfigSerializer(allow_null=True))
    def get_endpoint_config(self, deployment: Deployment) -> dict[str, Any]:
        config = EndpointConfigSerializer(deployment.plan).data
        return {name: value for name, value in config.items() if value is not None}

    @extend_schema_field(StrategySerializer())
    def get_strategy(self, deployment: Deployment) -> dict[str, Any]:
        return deployment.plan.strategy.stored()

    @extend_schema_field(DeploymentMetricsSerializer(allow_null=True))
    def get_metrics(self, deployment: Deployment) -> dict[str, Any] | None:
        figures = self._figures(deployment)
        if not figures.request_count:
            return None
        shown: dict[str, Any] = DeploymentMetricsSerializer(
            figures, context={"counted_at": self._watch.counted_at}
        ).data
        return shown

    def get_created_by(self, deployment: Deployment) -> str:
        return deployment.created_by.username if deployment.created_by else "system"

    @property
    def _watch(self) -> Watch:
        watch: Watch = self.context["watch"]
        return watch

    def _figures(self, deployment: Deployment) -> Figures:
        figures: Figures = self.context["figures"].get(deployment.pk, Figures())
        return figures


@extend_schema_serializer(component_name="DeploymentReading")
class ReadingSerializer(AnswerSerializer):
    """By which rules the file is read; `docs/formats.md` says what they are."""

    revision = serializers.IntegerField(
        source="reading", help_text="The rules under which it was validated."
    )
    newest = serializers.SerializerMethodField(
        help_text="The newest rules, which deploying again takes."
    )
    differences = serializers.ListField(
        source="file_reading.differences",
        child=serializers.CharField(),
        allow_null=True,
        help_text=(
            "Where the newest rules would answer otherwise, for people, at most ten; "
            "null where that is not known (`notes` say why)."
        ),
    )
    notes = serializers.SerializerMethodField(
        help_text="What was taken where the file is silent, and what else to know."
    )

    def get_newest(self, deployment: Deployment) -> int:
        return readings.NEWEST

    def get_notes(self, deployment: Deployment) -> list[str]:
        return deployment.reading_notes


@extend_schema_serializer(component_name="DeploymentDetailResponse")
class DeploymentDetailSerializer(DeploymentSerializer):
    reading = ReadingSerializer(source="*")
    logs = serializers.SerializerMethodField(
        help_text="The last lines of the server and the events, by time."
    )
    request_count = serializers.SerializerMethodField(help_text="Answered calls, ever.")
    error_rate = serializers.SerializerMethodField(
        help_text="Failed and timed-out calls by answered calls, in [0, 1]."
    )
    avg_latency_ms = serializers.SerializerMethodField(help_text="0 without traffic.")

    def get_logs(self, deployment: Deployment) -> list[str]:
        return journal(deployment)

    def get_request_count(self, deployment: Deployment) -> int:
        return self._figures(deployment).request_count

    def get_error_rate(self, deployment: Deployment) -> float:
        return self._figures(deployment).error_rate

    def get_avg_latency_ms(self, deployment: Deployment) -> float:
        return self._figures(deployment).avg_latency_ms or 0.0


@extend_schema_serializer(component_name="DeploymentEventResponse")
class DeploymentEventSerializer(AnswerSerializer):
    sequence = serializers.IntegerField(help_text="Counts from 1 without gaps.")
    from_status = serializers.SerializerMethodField(
        help_text="Null of the first; equal to `to_status` of a notice."
    )
    to_status = serializers.ChoiceField(choices=Status.choices)
    mover = serializers.ChoiceField(choices=Mover.choices)
    actor = serializers.SerializerMethodField()
    message = serializers.CharField()
    at = TimeField()

    @extend_schema_field(
        serializers.ChoiceField(choices=Status.choices, allow_null=True)
    )
    def get_from_status(self, event: DeploymentEvent) -> str | None:
        return event.from_status or None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_actor(self, event: DeploymentEvent) -> str | None:
        return event.actor.username if event.actor else None


@extend_schema_serializer(component_name="InstanceTypeResponse")
class InstanceTypeSerializer(AnswerSerializer):
    name = serializers.CharField()
    cpus = serializers.FloatField()
    memory_bytes = serializers.IntegerField()
