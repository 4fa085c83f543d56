"""The routes of lifecycle, and the doubled prefix that some clients call."""

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
from mlops.core.routes import Route, mount

_LIST = {"get": "list", "post": "create"}
_ONE = {"get": "retrieve", "patch": "partial_update"}

ROUTES = [
    Route("experiments", ExperimentViewSet, _LIST),
    Route("experiments/<str:name>", ExperimentViewSet, _ONE),
    Route("runs", RunViewSet, _LIST),
    Route("runs/<str:run_id>", RunViewSet, _ONE),
    Route("runs/<str:run_id>/metrics", MetricViewSet, {"post": "log"}),
    Route("runs/<str:run_id>/metrics/<path:key>", MetricViewSet, {"get": "history"}),
    Route("runs/<str:run_id>/artifacts", ArtifactViewSet, _LIST),
    Route(
        "runs/<str:run_id>/artifacts/<path:path>", ArtifactViewSet, {"get": "download"}
    ),
    Route("models", ModelVersionViewSet, _LIST),
    Route("models/<str:model_name>/compare", ModelViewSet, {"post": "compare"}),
    Route("models/<str:model_name>/history", ModelHistoryViewSet, {"get": "history"}),
    Route("models/<str:model_name>/<str:version>", ModelVersionViewSet, _ONE),
    Route("models/<str:model_id>", ModelViewSet, {"get": "retrieve"}),
    Route("drift-events", DriftEventViewSet, _LIST),
]

urlpatterns = mount(ROUTES, "ml/lifecycle/", aliases=["ml/lifecycle/lifecycle/"])
