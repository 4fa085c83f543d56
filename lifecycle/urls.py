"""The routes of lifecycle, and the doubled prefix that some clients call."""

from lifecycle.viewsets import (
    ArtifactViewSet,
    CurveViewSet,
    DriftEventViewSet,
    ExperimentViewSet,
    LoggedModelArtifactViewSet,
    MetricViewSet,
    ModelHistoryViewSet,
    ModelVersionViewSet,
    ModelViewSet,
    RunViewSet,
)
from mlops.core.routes import ApiRoute, mount

_LIST = {"get": "list", "post": "create"}
_ONE = {"get": "retrieve", "patch": "partial_update"}

ROUTES = [
    ApiRoute("experiments", ExperimentViewSet, _LIST),
    ApiRoute("experiments/<str:name>", ExperimentViewSet, _ONE),
    ApiRoute("runs", RunViewSet, _LIST),
    ApiRoute("runs/<str:run_id>", RunViewSet, _ONE),
    ApiRoute("runs/<str:run_id>/metrics", MetricViewSet, {"post": "log"}),
    ApiRoute("runs/<str:run_id>/metrics/<path:key>", MetricViewSet, {"get": "history"}),
    ApiRoute("runs/<str:run_id>/artifacts", ArtifactViewSet, _LIST),
    ApiRoute(
        "runs/<str:run_id>/artifacts/<path:path>", ArtifactViewSet, {"get": "download"}
    ),
    ApiRoute(
        "runs/<str:run_id>/previews/<path:path>", ArtifactViewSet, {"get": "preview"}
    ),
    ApiRoute(
        "logged-models/<str:model_id>/artifacts",
        LoggedModelArtifactViewSet,
        {"get": "list"},
    ),
    ApiRoute(
        "logged-models/<str:model_id>/artifacts/<path:path>",
        LoggedModelArtifactViewSet,
        {"get": "download"},
    ),
    ApiRoute(
        "logged-models/<str:model_id>/previews/<path:path>",
        LoggedModelArtifactViewSet,
        {"get": "preview"},
    ),
    ApiRoute("curves", CurveViewSet, {"get": "list"}),
    ApiRoute("models", ModelVersionViewSet, _LIST),
    ApiRoute("models/<str:model_name>/compare", ModelViewSet, {"post": "compare"}),
    ApiRoute(
        "models/<str:model_name>/history", ModelHistoryViewSet, {"get": "history"}
    ),
    ApiRoute("models/<str:model_name>/<str:version>", ModelVersionViewSet, _ONE),
    ApiRoute("models/<str:model_id>", ModelViewSet, {"get": "retrieve"}),
    ApiRoute("drift-events", DriftEventViewSet, _LIST),
]

urlpatterns = mount(ROUTES, "ml/lifecycle/", aliases=["ml/lifecycle/lifecycle/"])
