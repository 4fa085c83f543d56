"""The routes of deployments: each at its documented address and at its aliases.

Every address is good with and without a slash at its end, and under the doubled
prefix that one generation of clients calls; only the first one is documented.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, path

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

HOME = "ml/lifecycle/"
DOUBLED = "ml/lifecycle/lifecycle/"
ALL = "deployments"
ONE = "deployments/<str:deployment_id>"

View = Callable[..., Any]
ROUTES: list[tuple[str, type, dict[str, str], str]] = [
    (ALL, DeploymentViewSet, {"get": "list", "post": "create"}, "deployments"),
    (
        ONE,
        DeploymentViewSet,
        {"get": "retrieve", "patch": "partial_update"},
        "deployment",
    ),
    (f"{ONE}/status", DeploymentViewSet, {"patch": "set_status"}, ""),
    (f"{ONE}/rollback", DeploymentViewSet, {"post": "roll_back"}, ""),
    (f"{ONE}/promote", RolloutViewSet, {"post": "promote"}, ""),
    (f"{ONE}/pause", RolloutViewSet, {"post": "pause"}, ""),
    (f"{ONE}/resume", RolloutViewSet, {"post": "resume"}, ""),
    (f"{ONE}/abort", RolloutViewSet, {"post": "abort"}, ""),
    (f"{ONE}/terminate", RolloutViewSet, {"post": "terminate"}, ""),
    (f"{ONE}/events", TelemetryViewSet, {"get": "events"}, ""),
    (f"{ONE}/logs", TelemetryViewSet, {"get": "logs"}, ""),
    (f"{ONE}/metrics", TelemetryViewSet, {"get": "metrics"}, ""),
    (f"{ONE}/stream", StreamViewSet, {"get": "stream"}, ""),
    (f"{ONE}/drift", DeploymentDriftViewSet, {"get": "list", "post": "check"}, ""),
    (
        f"{ONE}/drift/<uuid:check_id>",
        DeploymentDriftViewSet,
        {"get": "retrieve"},
        "deployment-drift-check",
    ),
    (f"{ONE}/keys", DeploymentKeyViewSet, {"get": "list", "post": "create"}, ""),
    (f"{ONE}/keys/<uuid:key_id>", DeploymentKeyViewSet, {"delete": "destroy"}, ""),
    ("instance-types", InstanceTypeViewSet, {"get": "list"}, ""),
]


def _patterns() -> Iterator[URLPattern]:
    yield path("lineage", LineageGraphViewSet.as_view({"get": "graph"}))
    yield path("lineage/", LineageGraphViewSet.as_view({"get": "graph"}, schema=None))
    # The address with a slash has operations of its own; it must come first.
    listed = DeployModelViewSet.as_view({"get": "list", "post": "create"})
    yield path(f"{HOME}{ALL}/", listed)
    for route, viewset, actions, name in ROUTES:
        documented: View = viewset.as_view(actions)  # type: ignore[attr-defined]
        alias: View = viewset.as_view(actions, schema=None)  # type: ignore[attr-defined]
        yield path(f"{HOME}{route}", documented, name=name or None)
        if route != ALL:
            yield path(f"{HOME}{route}/", alias)
        yield path(f"{DOUBLED}{route}", alias)
        yield path(f"{DOUBLED}{route}/", alias)


urlpatterns: list[URLPattern | URLResolver] = list(_patterns())
