"""What all views of deployments share."""

from typing import Any

from django.db.models import Model
from django.urls import reverse

from deployments.models import Deployment, Slot
from deployments.models.traffic import TrafficWindow
from deployments.serializers import DeploymentDetailSerializer, DeploymentSerializer
from mlops.core.viewsets import ApiViewSet

TAGS = ["ML", "Model Lifecycle"]


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


def shown(deployment: Deployment) -> dict[str, Any]:
    """Return a deployment as an answer, its lifetime figures included."""
    figures = TrafficWindow.objects.totals([deployment.pk])
    answer: dict[str, Any] = DeploymentSerializer(
        deployment, context={"figures": figures}
    ).data
    return answer


def shown_in_detail(deployment: Deployment) -> dict[str, Any]:
    """Return the long answer: with the log, and percentiles among the figures."""
    figures = TrafficWindow.objects.totals([deployment.pk])
    answer: dict[str, Any] = DeploymentDetailSerializer(
        deployment, context={"figures": figures}
    ).data
    return answer


def address(deployment: Deployment) -> str:
    """Return the path of a deployment for `Location`."""
    return reverse("deployment", kwargs={"deployment_id": deployment.pk})
