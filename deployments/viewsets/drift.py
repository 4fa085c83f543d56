"""How far a deployment's requests are from what its model was trained on."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.models import DatasetVersion
from deployments.drift import SampledPeriod, check_requests
from deployments.models import Deployment, DriftCheck, DriftRule
from deployments.serializers.drift import (
    DriftCheckCreateSerializer,
    DriftCheckDetailSerializer,
    DriftCheckSerializer,
)
from deployments.viewsets.base import TAGS, DeploymentBase
from lifecycle.models.inputs import catalogue_version
from mlops.core.errors import NotFound
from mlops.core.ids import as_uuid
from mlops.core.serializers import actor, validated
from mlops.core.throttling import CheckThrottle
from mlops.core.viewsets import created


class DeploymentDriftViewSet(DeploymentBase):
    throttle_classes = [*DeploymentBase.throttle_classes, CheckThrottle]
    action_permissions = {"check": "change"}

    @extend_schema(
        operation_id="listDeploymentDriftChecks",
        summary="List Deployment Drift Checks",
        tags=TAGS,
        responses=DriftCheckSerializer(many=True),
    )
    def list(self, request: Request, deployment_id: str) -> Response:
        """Return the checks of the deployment, newest first, without their reports."""
        page = self.paginate_queryset(_checks(self.get_object()).defer("body"))
        return self.get_paginated_response(DriftCheckSerializer(page, many=True).data)

    @extend_schema(
        operation_id="getDeploymentDriftCheck",
        summary="Get Deployment Drift Check",
        tags=TAGS,
        parameters=[OpenApiParameter("check_id", UUID, OpenApiParameter.PATH)],
        responses=DriftCheckDetailSerializer,
    )
    def retrieve(self, request: Request, deployment_id: str, check_id: str) -> Response:
        """Returns one comparison with every finding."""
        checks, known = _checks(self.get_object()), as_uuid(check_id)
        found = checks.filter(pk=known).first() if known else None
        if found is None:
            raise NotFound("There is no such check of this deployment.")
        return Response(DriftCheckDetailSerializer(found).data)

    @extend_schema(
        operation_id="checkDeploymentDrift",
        summary="Check Deployment Drift",
        tags=TAGS,
        request=DriftCheckCreateSerializer,
        responses={201: DriftCheckDetailSerializer},
    )
    def check(self, request: Request, deployment_id: str) -> Response:
        """Compare its live requests with its training data now; news are events."""
        deployment = self.get_object()
        body = validated(DriftCheckCreateSerializer, request)
        made = check_requests(
            deployment, _requested_check(deployment, body), by=actor(request)
        )
        check = _checks(deployment).get(pk=made.pk)
        names = {"deployment_id": deployment.pk, "check_id": check.pk}
        return created(
            DriftCheckDetailSerializer(check).data,
            location=reverse("deployment-drift-check", kwargs=names),
        )


def _checks(deployment: Deployment) -> QuerySet[DriftCheck]:
    return DriftCheck.objects.filter(deployment=deployment).with_names()


def _requested_check(deployment: Deployment, body: dict[str, Any]) -> SampledPeriod:
    reference: DatasetVersion | None = None
    if name := body.get("dataset_name"):
        reference = catalogue_version(name, body.get("dataset_version", "latest"))
    now = timezone.now()
    window_s = body.get("window_s") or DriftRule.of(deployment.environment).window_s
    return SampledPeriod(
        now - timedelta(seconds=window_s),
        now,
        reference,
        tuple(body.get("columns", ())),
    )
