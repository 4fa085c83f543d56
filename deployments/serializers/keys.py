"""Keys of an endpoint on the wire."""

import dataclasses
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from deployments.models import DeploymentKey
from deployments.models.key import MOST_CALLS
from deployments.serving.gateway.usage import Used
from deployments.states import Environment
from mlops.core.fields import Text, Whole, ZonedTime
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField


class DeploymentKeyCreateSerializer(StrictSerializer):
    name = Text(max_length=100)
    expires_at = ZonedTime(
        required=False, allow_null=True, help_text="From then on the key is 401."
    )
    rate_per_minute = Whole(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_CALLS,
        help_text="Infer calls a minute; more are 429.",
    )
    daily_quota = Whole(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MOST_CALLS,
        help_text="Infer calls a day of UTC; more are 429.",
    )


@extend_schema_serializer(component_name="DeploymentKeyDay")
class KeyDaySerializer(AnswerSerializer):
    day = serializers.DateField()
    requests = serializers.IntegerField(source="request_count")
    refused = serializers.IntegerField(source="refused_count")


@extend_schema_serializer(component_name="DeploymentKeyUsage")
class KeyUsageSerializer(AnswerSerializer):
    """What the gateways count at this moment; a day is one of UTC."""

    requests_today = serializers.IntegerField(help_text="Infer calls let in.")
    refused_today = serializers.IntegerField(help_text="Infer calls answered 429.")
    last_used_at = TimeField(allow_null=True)
    days = KeyDaySerializer(
        many=True,
        help_text="Days of the last 30 that have any, the newest first, today among "
        "them.",
    )


@extend_schema_serializer(component_name="DeploymentKeyResponse")
class DeploymentKeySerializer(AnswerSerializer):
    """A key without its text."""

    id = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="How its text begins.")
    model_name = serializers.CharField(
        source="slot.model.name", help_text="The model whose endpoint it opens."
    )
    environment = serializers.ChoiceField(
        source="slot.environment",
        choices=Environment.choices,
        help_text="Where that endpoint is; elsewhere the key is 401.",
    )
    endpoint = serializers.CharField(
        help_text="The base URL that it opens: the endpoint's, or of a trial key the "
        "deployment's own."
    )
    deployment_id = serializers.CharField(
        allow_null=True,
        help_text="Of a trial key the one deployment that it opens; null of a key that "
        "opens the endpoint, revision after revision.",
    )
    created_by = serializers.SerializerMethodField()
    created_at = TimeField()
    revoked_at = TimeField(allow_null=True)
    expires_at = TimeField(allow_null=True)
    rate_per_minute = serializers.IntegerField(allow_null=True)
    daily_quota = serializers.IntegerField(allow_null=True)
    usage = serializers.SerializerMethodField()

    @extend_schema_field(KeyUsageSerializer())
    def get_usage(self, key: DeploymentKey) -> dict[str, Any]:
        found: Used = self.context["usage"][key.digest]
        at = found.last_used_at
        last = datetime.fromtimestamp(at, UTC) if at is not None else None
        days = self.context["days"][key.digest]
        shown = {**dataclasses.asdict(found), "last_used_at": last, "days": days}
        answer: dict[str, Any] = KeyUsageSerializer(shown).data
        return answer

    def get_created_by(self, key: DeploymentKey) -> str:
        return key.created_by.username if key.created_by else "system"


@extend_schema_serializer(component_name="NewDeploymentKeyResponse")
class NewDeploymentKeySerializer(DeploymentKeySerializer):
    key = serializers.SerializerMethodField(
        help_text="The text for `Authorization: Bearer …`; never shown again."
    )

    def get_key(self, key: DeploymentKey) -> str:
        plain: str = self.context["plain"]
        return plain
