"""The routes of lifecycle, and their doubled family that a later client uses."""

from django.urls import URLPattern

from lifecycle.viewsets import (
    ArtifactViewSet,
    DriftEventViewSet,
    ExperimentViewSet,
    MetricViewSet,
    ModelHistoryViewSet,
    ModelVersionViewSet,
    ModelViewSet,
    RunViewSet,
)
from mlops.core.routes import documented, undocumented
from mlops.core.viewsets import ApiViewSet

Route = tuple[str, type[ApiViewSet], dict[str, str]]

_LIST = {"get": "list", "post": "create"}
_ONE = {"get": "retrieve", "patch": "partial_update"}

ROUTES: list[Route] = [
    ("experiments", ExperimentViewSet, _LIST),
    ("experiments/<str:name>", ExperimentViewSet, _ONE),
    ("runs", RunViewSet, _LIST),
    ("runs/<str:run_id>", RunViewSet, _ONE),
    ("runs/<str:run_id>/metrics", MetricViewSet, {"post": "log"}),
    ("runs/<str:run_id>/metrics/<path:key>", MetricViewSet, {"get": "history"}),
    ("runs/<str:run_id>/artifacts", ArtifactViewSet, _LIST),
    ("runs/<str:run_id>/artifacts/<path:path>", ArtifactViewSet, {"get": "download"}),
    ("models", ModelVersionViewSet, _LIST),
    ("models/<str:model_name>/compare", ModelViewSet, {"post": "compare"}),
    ("models/<str:model_name>/history", ModelHistoryViewSet, {"get": "history"}),
    ("models/<str:model_name>/<str:version>", ModelVersionViewSet, _ONE),
    ("models/<str:model_id>", ModelViewSet, {"get": "retrieve"}),
    ("drift-events", DriftEventViewSet, _LIST),
]


def _both_families(
    route: str, viewset: type[ApiViewSet], actions: dict[str, str]
) -> list[URLPattern]:
    doubled = f"ml/lifecycle/lifecycle/{route}"
    return [
        *documented(f"ml/lifecycle/{route}", viewset, actions),
        *undocumented(doubled, viewset, actions),
        *undocumented(f"{doubled}/", viewset, actions),
    ]


urlpatterns: list[URLPattern] = [
    pattern for route in ROUTES for pattern in _both_families(*route)
]
