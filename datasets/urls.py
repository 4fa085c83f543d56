"""The routes of features and datasets, and the frontend's other names for them."""

from collections.abc import Mapping
from itertools import chain

from django.urls import URLPattern

from datasets.viewsets.features import FeatureViewSet
from datasets.viewsets.uploads import UploadViewSet
from mlops.core.routes import documented, undocumented
from mlops.core.viewsets import ApiViewSet

FEATURE = "/<str:feature_name>"
Route = tuple[str, type[ApiViewSet], Mapping[str, str]]

# Static words come before the names of features, which may not be those words.
ROUTES: list[Route] = [
    ("", FeatureViewSet, {"get": "list", "post": "create"}),
    ("/usage", FeatureViewSet, {"post": "record_use"}),
    ("/uploads", UploadViewSet, {"post": "create"}),
    (
        "/uploads/<str:upload_id>",
        UploadViewSet,
        {"get": "retrieve", "patch": "append", "delete": "destroy"},
    ),
    (
        FEATURE,
        FeatureViewSet,
        {"get": "retrieve", "put": "update", "delete": "destroy"},
    ),
    (f"{FEATURE}/activate", FeatureViewSet, {"post": "activate"}),
    (f"{FEATURE}/deprecate", FeatureViewSet, {"post": "deprecate"}),
    (f"{FEATURE}/versions", FeatureViewSet, {"get": "versions", "post": "release"}),
    (f"{FEATURE}/rollback", FeatureViewSet, {"post": "roll_back"}),
    (f"{FEATURE}/lineage", FeatureViewSet, {"get": "lineage"}),
    (f"{FEATURE}/statistics", FeatureViewSet, {"get": "statistics"}),
]


def _family(prefix: str, routes: list[Route]) -> list[URLPattern]:
    """Return the routes under the present frontend's prefix, out of the document."""
    return list(
        chain.from_iterable(
            (
                *undocumented(f"{prefix}{route}", viewset, actions),
                *undocumented(f"{prefix}{route}/", viewset, actions),
            )
            for route, viewset, actions in routes
        )
    )


urlpatterns: list[URLPattern] = [
    *chain.from_iterable(
        documented(f"features{route}", viewset, actions)
        for route, viewset, actions in ROUTES
    ),
    *_family("ml/features", ROUTES),
]
