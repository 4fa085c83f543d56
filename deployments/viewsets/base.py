"""What all views of deployments share."""

from typing import Any

from django.db.models import Model
from django.urls import reverse
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from deployments.models import Deployment, Slot
from deployments.serializers import (
    DeploymentDetailSerializer,
    DeploymentSerializer,
    context_of,
)
from mlops.core.viewsets import OK, ApiViewSet

TAGS = ["Model Lifecycle", "ML"]


class DeploymentBase(ApiViewSet):
    queryset = Deployment.objects.detailed()
    permission_model = "deployments.deployment"
    serializer_class = DeploymentSerializer
    lookup_url_kwarg = "deployment_id"

    def find_object(self) -> Deployment:
        """Return what the path names: an id, a run's id or `name:version`."""
        return Deployment.objects.detailed().find(self.kwargs["deployment_id"])

    def lock(self, found: Model) -> None:
        """Hold the slot, as every verb does before it writes the row."""
        if isinstance(found, Deployment):
            Slot.lock(found.slot_id)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Show the outcome of a request to end: its effect was waited for."""
        fetched = self.fetched
        if (
            isinstance(fetched, Deployment)
            and fetched.ends_as
            and response.status_code == OK
            and request.method not in SAFE_METHODS
        ):
            ended = Deployment.objects.detailed().get(pk=fetched.pk)
            response.data = shown(ended)
            self.written_tag = self._etag(request, response)
        return super().finalize_response(request, response, *args, **kwargs)


def shown(deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as an answer, its lifetime figures included."""
    answer: dict[str, Any] = DeploymentSerializer(
        deployment, context=context_of([deployment])
    ).data
    return answer


def shown_in_detail(deployment: Deployment) -> dict[str, Any]:
    """Return the long answer: with the log, and percentiles among the figures."""
    answer: dict[str, Any] = DeploymentDetailSerializer(
        deployment, context=context_of([deployment])
    ).data
    return answer


def address(deployment: Deployment) -> str:
    """Return the path of a deployment for `Location`."""
    return reverse("deployment", kwargs={"deployment_id": deployment.pk})
