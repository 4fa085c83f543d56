"""What goes over the wire about deployments."""

from deployments.serializers.answers import (
    DeploymentDetailSerializer,
    DeploymentEventSerializer,
    DeploymentSerializer,
    InstanceTypeSerializer,
    context_of,
)
from deployments.serializers.keys import (
    DeploymentKeyCreateSerializer,
    DeploymentKeySerializer,
    NewDeploymentKeySerializer,
)
from deployments.serializers.requests import (
    DeploymentCreateSerializer,
    DeploymentUpdateSerializer,
    ModelDeploySerializer,
    ReasonSerializer,
    RollbackSerializer,
    StatusUpdateSerializer,
)
from deployments.serializers.traffic import TrafficSerializer

__all__ = [
    "DeploymentCreateSerializer",
    "DeploymentDetailSerializer",
    "DeploymentEventSerializer",
    "DeploymentKeyCreateSerializer",
    "DeploymentKeySerializer",
    "DeploymentSerializer",
    "DeploymentUpdateSerializer",
    "InstanceTypeSerializer",
    "ModelDeploySerializer",
    "NewDeploymentKeySerializer",
    "ReasonSerializer",
    "RollbackSerializer",
    "StatusUpdateSerializer",
    "TrafficSerializer",
    "context_of",
]
