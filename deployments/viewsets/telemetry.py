"""What happened to a deployment, what it wrote and how it does."""

from datetime import datetime

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.journal import DEFAULT_LINES, MAX_LINES, journal
from deployments.models.report import STEPS, WINDOWS, report
from deployments.serializers import DeploymentEventSerializer, TrafficSerializer
from deployments.viewsets.base import TAGS, DeploymentBase
from mlops.core import rfc3339
from mlops.core.errors import BadQuery
from mlops.core.queries import single, whole

_TAIL = OpenApiParameter(
    "tail",
    {"type": "integer", "minimum": 1, "maximum": MAX_LINES},
    description=f"Lines, 1 to {MAX_LINES}; {DEFAULT_LINES} if not given.",
)
_SINCE = OpenApiParameter(
    "since",
    {"type": "string", "pattern": f"^{rfc3339.TIME}$"},
    description="RFC 3339, with a zone; only what is newer.",
)


class TelemetryViewSet(DeploymentBase):
    action_permissions = {"events": "view", "logs": "view", "metrics": "view"}

    @extend_schema(
        operation_id="listDeploymentEvents",
        summary="List Deployment Events",
        tags=TAGS,
        responses=DeploymentEventSerializer(many=True),
    )
    def events(self, request: Request, deployment_id: str) -> Response:
        """Returns every move of the deployment, and every notice about it."""
        rows = self.get_object().events.select_related("actor").order_by("sequence")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(
            DeploymentEventSerializer(page, many=True).data
        )

    @extend_schema(
        operation_id="getDeploymentLogs",
        summary="Get Deployment Logs",
        tags=TAGS,
        parameters=[_TAIL, _SINCE],
        responses={
            (200, "application/json"): {"type": "array", "items": {"type": "string"}}
        },
    )
    def logs(self, request: Request, deployment_id: str) -> Response:
        """Returns the last lines of the model's processes and the events, by time."""
        tail = whole(request, "tail", default=DEFAULT_LINES, least=1, most=MAX_LINES)
        since = _since(request)
        return Response(journal(self.get_object(), tail, since))

    @extend_schema(
        operation_id="getDeploymentMetrics",
        summary="Get Deployment Metrics",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "window", enum=list(WINDOWS), description="1h if not given."
            ),
            OpenApiParameter("step", enum=list(STEPS)),
        ],
        responses=TrafficSerializer,
    )
    def metrics(self, request: Request, deployment_id: str) -> Response:
        """Returns the traffic of a window, in sum and as a series of equal steps."""
        asked = single(request, "window")
        window = "1h" if asked is None else asked
        step = single(request, "step")
        found = report(self.get_object(), window, step, timezone.now())
        return Response(TrafficSerializer(found).data)


def _since(request: Request) -> datetime | None:
    text = single(request, "since")
    if text is None:
        return None
    found = rfc3339.asked(text)
    if found is None:
        raise BadQuery("since must be an RFC 3339 time with a zone.", field="since")
    return found
