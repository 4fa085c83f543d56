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
from mlops.core.routes import ApiRoute, mount

ALL = "deployments"
ONE = f"{ALL}/<str:deployment_id>"

ROUTES = [
    ApiRoute(ALL, DeploymentViewSet, {"get": "list", "post": "create"}, "deployments"),
    ApiRoute(
        ONE,
        DeploymentViewSet,
        {"get": "retrieve", "patch": "partial_update"},
        "deployment",
    ),
    ApiRoute(f"{ONE}/status", DeploymentViewSet, {"patch": "set_status"}),
    ApiRoute(f"{ONE}/rollback", DeploymentViewSet, {"post": "roll_back"}),
    ApiRoute(f"{ONE}/promote", RolloutViewSet, {"post": "promote"}),
    ApiRoute(f"{ONE}/pause", RolloutViewSet, {"post": "pause"}),
    ApiRoute(f"{ONE}/resume", RolloutViewSet, {"post": "resume"}),
    ApiRoute(f"{ONE}/abort", RolloutViewSet, {"post": "abort"}),
    ApiRoute(f"{ONE}/terminate", RolloutViewSet, {"post": "terminate"}),
    ApiRoute(f"{ONE}/events", TelemetryViewSet, {"get": "events"}),
    ApiRoute(f"{ONE}/logs", TelemetryViewSet, {"get": "logs"}),
    ApiRoute(f"{ONE}/metrics", TelemetryViewSet, {"get": "metrics"}),
    ApiRoute(f"{ONE}/stream", StreamViewSet, {"get": "stream"}),
    ApiRoute(f"{ONE}/drift", DeploymentDriftViewSet, {"get": "list", "post": "check"}),
    ApiRoute(
        f"{ONE}/drift/<str:check_id>",
        DeploymentDriftViewSet,
        {"get": "retrieve"},
        "deployment-drift-check",
    ),
    ApiRoute(f"{ONE}/keys", DeploymentKeyViewSet, {"get": "list", "post": "create"}),
    ApiRoute(f"{ONE}/keys/trial", DeploymentKeyViewSet, {"post": "create_trial"}),
    ApiRoute(f"{ONE}/keys/<str:key_id>", DeploymentKeyViewSet, {"delete": "destroy"}),
    ApiRoute("instance-types", InstanceTypeViewSet, {"get": "list"}),
]
LINEAGE = [ApiRoute("lineage", LineageGraphViewSet, {"get": "graph"})]

# The list's address with a slash has operations of its own: it comes before the alias.
_WITH_SLASH = DeployModelViewSet.as_view({"get": "list", "post": "create"})

urlpatterns = [
    path(f"ml/lifecycle/{ALL}/", _WITH_SLASH),
    *mount(LINEAGE, ""),
    *mount(ROUTES, "ml/lifecycle/", aliases=["ml/lifecycle/lifecycle/"]),
]
