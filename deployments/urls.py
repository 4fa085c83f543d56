"""The routes of deployments, and the doubled prefix that some clients call."""

from django.urls import path

from deployments.viewsets import (
    DeploymentDriftViewSet,
    DeploymentKeyViewSet,
    DeploymentViewSet,
    DeployModelViewSet,
    InstanceTypeViewSet,
    LineageGraphViewSet,
    RolloutViewSet,
    StreamViewSet,
    TelemetryViewSet,
)
from mlops.core.routes import Route, mount

ALL = "deployments"
ONE = f"{ALL}/<str:deployment_id>"

ROUTES = [
    Route(ALL, DeploymentViewSet, {"get": "list", "post": "create"}, "deployments"),
    Route(
        ONE,
        DeploymentViewSet,
        {"get": "retrieve", "patch": "partial_update"},
        "deployment",
    ),
    Route(f"{ONE}/status", DeploymentViewSet, {"patch": "set_status"}),
    Route(f"{ONE}/rollback", DeploymentViewSet, {"post": "roll_back"}),
    Route(f"{ONE}/promote", RolloutViewSet, {"post": "promote"}),
    Route(f"{ONE}/pause", RolloutViewSet, {"post": "pause"}),
    Route(f"{ONE}/resume", RolloutViewSet, {"post": "resume"}),
    Route(f"{ONE}/abort", RolloutViewSet, {"post": "abort"}),
    Route(f"{ONE}/terminate", RolloutViewSet, {"post": "terminate"}),
    Route(f"{ONE}/events", TelemetryViewSet, {"get": "events"}),
    Route(f"{ONE}/logs", TelemetryViewSet, {"get": "logs"}),
    Route(f"{ONE}/metrics", TelemetryViewSet, {"get": "metrics"}),
    Route(f"{ONE}/stream", StreamViewSet, {"get": "stream"}),
    Route(f"{ONE}/drift", DeploymentDriftViewSet, {"get": "list", "post": "check"}),
    Route(
        f"{ONE}/drift/<uuid:check_id>",
        DeploymentDriftViewSet,
        {"get": "retrieve"},
        "deployment-drift-check",
    ),
    Route(f"{ONE}/keys", DeploymentKeyViewSet, {"get": "list", "post": "create"}),
    Route(f"{ONE}/keys/<uuid:key_id>", DeploymentKeyViewSet, {"delete": "destroy"}),
    Route("instance-types", InstanceTypeViewSet, {"get": "list"}),
]
LINEAGE = [Route("lineage", LineageGraphViewSet, {"get": "graph"})]

# The list's address with a slash has operations of its own: it comes before the alias.
_WITH_SLASH = DeployModelViewSet.as_view({"get": "list", "post": "create"})

urlpatterns = [
    path(f"ml/lifecycle/{ALL}/", _WITH_SLASH),
    *mount(LINEAGE, ""),
    *mount(ROUTES, "ml/lifecycle/", aliases=["ml/lifecycle/lifecycle/"]),
]
