"""The API of deployments: fetch, call, respond."""

from deployments.viewsets.deployments import DeploymentViewSet, DeployModelViewSet
from deployments.viewsets.drift import DeploymentDriftViewSet
from deployments.viewsets.instance_types import InstanceTypeViewSet
from deployments.viewsets.keys import DeploymentKeyViewSet
from deployments.viewsets.lineage import LineageGraphViewSet
from deployments.viewsets.rollouts import RolloutViewSet
from deployments.viewsets.stream import StreamViewSet
from deployments.viewsets.telemetry import TelemetryViewSet

__all__ = [
    "DeployModelViewSet",
    "DeploymentDriftViewSet",
    "DeploymentKeyViewSet",
    "DeploymentViewSet",
    "InstanceTypeViewSet",
    "LineageGraphViewSet",
    "RolloutViewSet",
    "StreamViewSet",
    "TelemetryViewSet",
]
