"""What can be asked for."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.instance_types import INSTANCE_TYPES
from deployments.serializers import InstanceTypeSerializer
from deployments.viewsets.base import TAGS, DeploymentBase


class InstanceTypeViewSet(DeploymentBase):
    pagination_class = None

    @extend_schema(
        operation_id="listInstanceTypes",
        summary="List Instance Types",
        tags=TAGS,
        responses=InstanceTypeSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns what `instance_type` of a deployment may be."""
        kinds = list(INSTANCE_TYPES.values())
        return Response(InstanceTypeSerializer(kinds, many=True).data)
