"""The routes of features and datasets, and the frontend's other names for them."""

from collections.abc import Mapping
from itertools import chain

from django.urls import URLPattern

from datasets.viewsets.datasets import (
    DatasetEnvelopeViewSet,
    DatasetVersionViewSet,
    DatasetViewSet,
)
from datasets.viewsets.drift import DriftViewSet
from datasets.viewsets.exploration import ExplorationViewSet
from datasets.viewsets.features import FeatureViewSet
from datasets.viewsets.grouping import GroupingViewSet
from datasets.viewsets.lineage import LineageViewSet
from datasets.viewsets.previews import PreviewViewSet
from datasets.viewsets.quality import QualityViewSet, SuggestionViewSet
from datasets.viewsets.row_diff import RowDiffViewSet
from datasets.viewsets.sql import SqlViewSet
from datasets.viewsets.uploads import UploadViewSet
from mlops.core.routes import documented, undocumented
from mlops.core.viewsets import ApiViewSet

DATASET = "/datasets/<str:dataset_id>"
VERSION = f"{DATASET}/versions/<str:label>"
FEATURE = "/<str:feature_name>"
Route = tuple[str, type[ApiViewSet], Mapping[str, str]]

# Static words come before the names of features, which may not be those words.
ROUTES: list[Route] = [
    ("", FeatureViewSet, {"get": "list", "post": "create"}),
    ("/usage", FeatureViewSet, {"post": "record_use"}),
    ("/uploads", UploadViewSet, {"post": "create"}),
    ("/uploads/preview", PreviewViewSet, {"post": "preview"}),
    (
        "/uploads/<str:upload_id>",
        UploadViewSet,
        {"get": "retrieve", "patch": "append", "delete": "destroy"},
    ),
    ("/datasets", DatasetViewSet, {"get": "list", "post": "create"}),
    (
        DATASET,
        DatasetViewSet,
        {"get": "retrieve", "patch": "partial_update", "delete": "destroy"},
    ),
    (
        f"{DATASET}/versions",
        DatasetVersionViewSet,
        {"get": "list", "post": "create"},
    ),
    (f"{DATASET}/append", DatasetVersionViewSet, {"post": "append"}),
    (VERSION, DatasetVersionViewSet, {"get": "retrieve", "delete": "destroy"}),
    (f"{VERSION}/cancel", DatasetVersionViewSet, {"post": "cancel"}),
    (f"{VERSION}/retry", DatasetVersionViewSet, {"post": "retry"}),
    (f"{DATASET}/sample", ExplorationViewSet, {"get": "sample"}),
    (f"{DATASET}/rows", ExplorationViewSet, {"get": "rows"}),
    (f"{DATASET}/filter", ExplorationViewSet, {"get": "filter_link", "post": "filter"}),
    (
        f"{DATASET}/filter/versions",
        DatasetVersionViewSet,
        {"post": "create_filtered"},
    ),
    (f"{DATASET}/sql", SqlViewSet, {"post": "ask"}),
    (f"{DATASET}/sql/export", SqlViewSet, {"post": "download"}),
    (f"{DATASET}/sql/versions", DatasetVersionViewSet, {"post": "create_answered"}),
    (f"{DATASET}/groups", GroupingViewSet, {"get": "groups_link", "post": "groups"}),
    (f"{DATASET}/facets", GroupingViewSet, {"get": "facets_link", "post": "facets"}),
    (f"{DATASET}/search", ExplorationViewSet, {"get": "search"}),
    (
        f"{DATASET}/statistics",
        ExplorationViewSet,
        {"get": "statistics", "post": "filtered_statistics"},
    ),
    (f"{DATASET}/correlation", ExplorationViewSet, {"get": "correlation"}),
    (f"{DATASET}/schema", ExplorationViewSet, {"get": "columns"}),
    (f"{DATASET}/compare", ExplorationViewSet, {"get": "compare"}),
    (f"{DATASET}/diff", RowDiffViewSet, {"get": "row_diff"}),
    (
        f"{DATASET}/export",
        ExplorationViewSet,
        {"get": "export", "post": "filtered_export"},
    ),
    (f"{DATASET}/export/options", ExplorationViewSet, {"get": "export_options"}),
    (f"{DATASET}/associations", ExplorationViewSet, {"get": "associations"}),
    (f"{DATASET}/drift", DriftViewSet, {"get": "drift"}),
    (f"{DATASET}/drift-reports", DriftViewSet, {"get": "drift_reports"}),
    (f"{DATASET}/rules", QualityViewSet, {"get": "list", "post": "create"}),
    (f"{DATASET}/rules/suggestions", SuggestionViewSet, {"get": "suggestions"}),
    (
        f"{DATASET}/rules/<str:rule_id>",
        QualityViewSet,
        {"get": "retrieve", "patch": "partial_update", "delete": "destroy"},
    ),
    (f"{DATASET}/checks", QualityViewSet, {"get": "history", "post": "check"}),
    (f"{DATASET}/lineage", LineageViewSet, {"get": "lineage"}),
    (f"{DATASET}/events", LineageViewSet, {"get": "events"}),
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
    (f"{FEATURE}/events", FeatureViewSet, {"get": "events"}),
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
    *documented("ml/features/datasets", DatasetEnvelopeViewSet, {"get": "list"}),
    *_family("ml/features", ROUTES),
]
