"""The REST endpoints of lifecycle: fetch, call, respond."""

from lifecycle.viewsets.artifacts import ArtifactViewSet, LoggedModelArtifactViewSet
from lifecycle.viewsets.curves import CurveViewSet
from lifecycle.viewsets.drift import DriftEventViewSet
from lifecycle.viewsets.experiments import ExperimentViewSet
from lifecycle.viewsets.metrics import MetricViewSet
from lifecycle.viewsets.registry_history import ModelHistoryViewSet
from lifecycle.viewsets.runs import RunViewSet
from lifecycle.viewsets.versions import ModelVersionViewSet, ModelViewSet

__all__ = [
    "ArtifactViewSet",
    "CurveViewSet",
    "DriftEventViewSet",
    "ExperimentViewSet",
    "LoggedModelArtifactViewSet",
    "MetricViewSet",
    "ModelHistoryViewSet",
    "ModelVersionViewSet",
    "ModelViewSet",
    "RunViewSet",
]
