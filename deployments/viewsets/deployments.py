"""List, create, read, change and roll back deployments."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from deployments.errors import ServerOwned
from deployments.filters import DeploymentFilter
from deployments.models import Deployment
from deployments.serializers import (
    DeploymentCreateSerializer,
    DeploymentDetailSerializer,
    DeploymentSerializer,
    DeploymentUpdateSerializer,
    ModelDeploySerializer,
    RollbackSerializer,
    StatusUpdateSerializer,
    context_of,
)
from deployments.viewsets.base import (
    TAGS,
    DeploymentBase,
    address,
    shown,
    shown_in_detail,
)
from deployments.viewsets.naming import named_version
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import created

MEASURED = ("health_status", "metrics", "error_message")


class DeploymentViewSet(DeploymentBase):
    """Deployments. The server moves them; a client asks, cancels and rolls back."""

    filterset_class = DeploymentFilter
    action_permissions = {
        "set_status": "change",
        "roll_back": "deployments.roll_back_deployment",
    }
    sort_fields = {
        "created_at": "created_at",
        "updated_at": "updated_at",
        "deployed_at": "deployed_at",
        "model_name": "slot__model__name",
        "environment": "slot__environment",
        "status": "status",
        "revision": "revision",
    }

    @extend_schema(
        operation_id="listDeployments",
        summary="List Deployments",
        tags=TAGS,
        responses=DeploymentSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns the deployments that meet all filters, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        answer = DeploymentSerializer(page, many=True, context=context_of(page))
        return self.get_paginated_response(answer.data)

    @extend_schema(
        operation_id="createDeployment",
        summary="Create Deployment",
        tags=TAGS,
        request=DeploymentCreateSerializer,
        responses={201: DeploymentSerializer},
    )
    def create(self, request: Request) -> Response:
        """Asks for a deployment: it is pending, and a reconciler moves it on."""
        return self._deploy(request, DeploymentCreateSerializer)

    @extend_schema(
        operation_id="getDeployment",
        summary="Get Deployment",
        tags=TAGS,
        responses=DeploymentDetailSerializer,
    )
    def retrieve(self, request: Request, deployment_id: str) -> Response:
        """By id, by the id of its model's run, or by `name:version`.

        Of several of a run or a version it is the one that serves, in production
        before staging before development; the newest if none does.
        """
        return Response(shown_in_detail(self.get_object()))

    @extend_schema(
        operation_id="updateDeployment",
        summary="Update Deployment",
        tags=TAGS,
        request=DeploymentUpdateSerializer,
        responses=DeploymentSerializer,
    )
    def partial_update(self, request: Request, deployment_id: str) -> Response:
        """Changes notes, or asks for an end by `status`."""
        deployment = self.get_object()
        body = validated(DeploymentUpdateSerializer, request)
        status = body.get("status")
        for field in MEASURED:
            is_reason = field == "error_message" and status is not None
            if body.get(field) is not None and not is_reason:
                raise ServerOwned(f"{field} is the server's to say.", field=field)
        if status is not None:
            reason = body.get("error_message") or ""
            deployment.request_status(status, by=actor(request), reason=reason)
        return Response(shown(deployment))

    @extend_schema(
        operation_id="updateDeploymentStatus",
        summary="Update Deployment Status",
        tags=TAGS,
        request=StatusUpdateSerializer,
        responses=DeploymentSerializer,
    )
    def set_status(self, request: Request, deployment_id: str) -> Response:
        """Asks for an end: cancels what does not serve yet, terminates what does."""
        body = validated(StatusUpdateSerializer, request)
        deployment = self.get_object()
        deployment.request_status(
            body["status"], by=actor(request), reason=body.get("reason", "")
        )
        return Response(shown(deployment))

    @extend_schema(
        operation_id="rollbackDeployment",
        summary="Rollback Deployment",
        tags=TAGS,
        request=RollbackSerializer,
        responses={201: DeploymentSerializer},
    )
    def roll_back(self, request: Request, deployment_id: str) -> Response:
        """Deploys again, as a new deployment, a version that served here before."""
        body = validated(RollbackSerializer, request)
        deployment, target = self.get_object(), None
        if wanted := body.get("target_deployment_id"):
            target = deployment.find_target(wanted)
        restored = deployment.roll_back(
            by=actor(request), reason=body.get("reason", ""), target=target
        )
        return created(shown(restored), location=address(restored))

    def _deploy(self, request: Request, form: type[Serializer[Any]]) -> Response:
        body = validated(form, request)
        deployment = Deployment.request(
            named_version(body),
            body["environment"],
            by=actor(request),
            plan=body["plan"],
            notes=body.get("deployment_notes"),
        )
        return created(shown(deployment), location=address(deployment))


class DeployModelViewSet(DeploymentViewSet):
    """The same list and create at the address with a slash, by their original names."""

    @extend_schema(
        operation_id="getDeployments",
        summary="Get Deployments",
        tags=["Model Lifecycle"],
        responses=DeploymentSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns what listDeployments does, under its first name."""
        return super().list(request)

    @extend_schema(
        operation_id="deployModel",
        summary="Deploy Model",
        tags=["Model Lifecycle"],
        request=ModelDeploySerializer,
        responses={201: DeploymentSerializer},
    )
    def create(self, request: Request) -> Response:
        """Takes the longer body of createDeployment as well."""
        return self._deploy(request, DeploymentCreateSerializer)
