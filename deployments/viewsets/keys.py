"""Keys that open an endpoint for predictions only."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.models import DeploymentKey, KeyDay
from deployments.serializers import (
    DeploymentKeyCreateSerializer,
    DeploymentKeySerializer,
    NewDeploymentKeySerializer,
)
from deployments.viewsets.base import TAGS, DeploymentBase
from mlops.core.errors import NotFound
from mlops.core.ids import as_uuid
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import created


class DeploymentKeyViewSet(DeploymentBase):
    """A key belongs to the endpoint: it still works after the next deployment."""

    permission_model = "deployments.deploymentkey"
    takes_keys = False
    action_permissions = {"create_trial": "add"}
    untagged = frozenset({"destroy"})

    @extend_schema(
        operation_id="listDeploymentKeys",
        summary="List Deployment Keys",
        tags=TAGS,
        responses=DeploymentKeySerializer(many=True),
    )
    def list(self, request: Request, deployment_id: str) -> Response:
        """Returns the keys of the endpoint and their usage, newest first, no texts."""
        keys = self.get_object().slot.keys.select_related(
            "created_by", "slot__model", "deployment"
        )
        page = self.paginate_queryset(keys) or []
        return self.get_paginated_response(
            DeploymentKeySerializer(page, many=True, context=_used(page)).data
        )

    @extend_schema(
        operation_id="createDeploymentKey",
        summary="Create Deployment Key",
        tags=TAGS,
        request=DeploymentKeyCreateSerializer,
        responses={201: NewDeploymentKeySerializer},
    )
    def create(self, request: Request, deployment_id: str) -> Response:
        """Makes a key for the endpoint. Its text is in this one answer only."""
        body = validated(DeploymentKeyCreateSerializer, request)
        slot = self.get_object().slot
        key, plain = DeploymentKey.issue(slot, by=actor(request), **body)
        context = {"plain": plain, **_used([key])}
        return created(NewDeploymentKeySerializer(key, context=context).data)

    @extend_schema(
        operation_id="createTrialKey",
        summary="Create Trial Key",
        tags=TAGS,
        request=None,
        responses={201: NewDeploymentKeySerializer},
    )
    def create_trial(self, request: Request, deployment_id: str) -> Response:
        """Makes a key for this deployment alone, which ends after ten minutes.

        What a page asks a model with: `endpoint` is the deployment's own address,
        whatever share of the traffic it has. Its calls count as traffic.
        """
        key, plain = DeploymentKey.issue_trial(self.get_object(), by=actor(request))
        context = {"plain": plain, **_used([key])}
        return created(NewDeploymentKeySerializer(key, context=context).data)

    @extend_schema(
        operation_id="revokeDeploymentKey",
        summary="Revoke Deployment Key",
        tags=TAGS,
        parameters=[OpenApiParameter("key_id", UUID, OpenApiParameter.PATH)],
        responses={204: None},
    )
    def destroy(self, request: Request, deployment_id: str, key_id: str) -> Response:
        """Closes a key: the gateways refuse it within a moment."""
        keys, known = self.get_object().slot.keys, as_uuid(key_id)
        key = keys.filter(pk=known).first() if known else None
        if key is None:
            raise NotFound("There is no such key of this endpoint.")
        key.revoke(by=actor(request))
        return Response(status=204)


def _used(keys: Iterable[DeploymentKey]) -> dict[str, Any]:
    """Return what a serializer of keys needs to know of their use."""
    listed = list(keys)
    return {"usage": DeploymentKey.usage_of(listed), "days": KeyDay.shown(listed)}
