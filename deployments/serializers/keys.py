"""Keys of an endpoint on the wire."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from deployments.models import DeploymentKey
from mlops.core.fields import Text
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField


@extend_schema_serializer(component_name="DeploymentKeyCreate")
class DeploymentKeyCreateSerializer(StrictSerializer):
    name = Text(max_length=100)


@extend_schema_serializer(component_name="DeploymentKeyResponse")
class DeploymentKeySerializer(AnswerSerializer):
    """A key without its text. It opens the whole endpoint, revision after revision."""

    id = serializers.CharField()
    name = serializers.CharField()
    prefix = serializers.CharField(help_text="How its text begins.")
    created_by = serializers.SerializerMethodField()
    created_at = TimeField()
    revoked_at = TimeField(allow_null=True)

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
