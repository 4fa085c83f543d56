"""The routes of features and datasets, and the frontend's aliases."""

from datasets.viewsets.datasets import DatasetEnvelopeViewSet, DatasetViewSet
from datasets.viewsets.drift import DriftViewSet
from datasets.viewsets.exploration import ExplorationViewSet
from datasets.viewsets.exports import ExportViewSet
from datasets.viewsets.features import FeatureViewSet
from datasets.viewsets.grouping import GroupingViewSet
from datasets.viewsets.lineage import LineageViewSet
from datasets.viewsets.previews import PreviewViewSet
from datasets.viewsets.quality import QualityViewSet, SuggestionViewSet
from datasets.viewsets.row_diff import RowDiffViewSet
from datasets.viewsets.sql import SqlViewSet
from datasets.viewsets.uploads import UploadViewSet
from datasets.viewsets.versions import DatasetVersionViewSet
from mlops.core.routes import Route, mount

DATASET = "/datasets/<str:dataset_id>"
VERSION = f"{DATASET}/versions/<str:label>"
FEATURE = "/<str:feature_name>"

# Static words come before the names of features, which may not be those words.
ROUTES = [
    Route("", FeatureViewSet, {"get": "list", "post": "create"}),
    Route("/usage", FeatureViewSet, {"post": "record_use"}),
    Route("/uploads", UploadViewSet, {"post": "create"}),
    Route("/uploads/preview", PreviewViewSet, {"post": "preview"}),
    Route(
        "/uploads/<str:upload_id>",
        UploadViewSet,
        {"get": "retrieve", "patch": "append", "delete": "destroy"},
    ),
    Route("/datasets", DatasetViewSet, {"get": "list", "post": "create"}),
    Route(
        DATASET,
        DatasetViewSet,
        {"get": "retrieve", "patch": "partial_update", "delete": "destroy"},
    ),
    Route(
        f"{DATASET}/versions",
        DatasetVersionViewSet,
        {"get": "list", "post": "create"},
    ),
    Route(f"{DATASET}/append", DatasetVersionViewSet, {"post": "append"}),
    Route(VERSION, DatasetVersionViewSet, {"get": "retrieve", "delete": "destroy"}),
    Route(f"{VERSION}/cancel", DatasetVersionViewSet, {"post": "cancel"}),
    Route(f"{VERSION}/retry", DatasetVersionViewSet, {"post": "retry"}),
    Route(f"{DATASET}/sample", ExplorationViewSet, {"get": "sample"}),
    Route(f"{DATASET}/rows", ExplorationViewSet, {"get": "rows"}),
    Route(
        f"{DATASET}/filter",
        ExplorationViewSet,
        {"get": "filter_link", "post": "filter"},
    ),
    Route(
        f"{DATASET}/filter/versions",
        DatasetVersionViewSet,
        {"post": "create_filtered"},
    ),
    Route(f"{DATASET}/sql", SqlViewSet, {"post": "ask"}),
    Route(f"{DATASET}/sql/export", SqlViewSet, {"post": "download"}),
    Route(
        f"{DATASET}/sql/versions", DatasetVersionViewSet, {"post": "create_answered"}
    ),
    Route(
        f"{DATASET}/groups", GroupingViewSet, {"get": "groups_link", "post": "groups"}
    ),
    Route(
        f"{DATASET}/facets", GroupingViewSet, {"get": "facets_link", "post": "facets"}
    ),
    Route(f"{DATASET}/search", ExplorationViewSet, {"get": "search"}),
    Route(
        f"{DATASET}/statistics",
        ExplorationViewSet,
        {"get": "statistics", "post": "filtered_statistics"},
    ),
    Route(f"{DATASET}/correlation", ExplorationViewSet, {"get": "correlation"}),
    Route(f"{DATASET}/schema", ExplorationViewSet, {"get": "columns"}),
    Route(f"{DATASET}/compare", ExplorationViewSet, {"get": "compare"}),
    Route(f"{DATASET}/diff", RowDiffViewSet, {"get": "row_diff"}),
    Route(
        f"{DATASET}/export",
        ExportViewSet,
        {"get": "export", "post": "filtered_export"},
    ),
    Route(f"{DATASET}/export/options", ExportViewSet, {"get": "export_options"}),
    Route(f"{DATASET}/associations", ExplorationViewSet, {"get": "associations"}),
    Route(f"{DATASET}/drift", DriftViewSet, {"get": "drift"}),
    Route(f"{DATASET}/drift-reports", DriftViewSet, {"get": "drift_reports"}),
    Route(f"{DATASET}/rules", QualityViewSet, {"get": "list", "post": "create"}),
    Route(f"{DATASET}/rules/suggestions", SuggestionViewSet, {"get": "suggestions"}),
    Route(
        f"{DATASET}/rules/<str:rule_id>",
        QualityViewSet,
        {"get": "retrieve", "patch": "partial_update", "delete": "destroy"},
    ),
    Route(f"{DATASET}/checks", QualityViewSet, {"get": "history", "post": "check"}),
    Route(f"{DATASET}/lineage", LineageViewSet, {"get": "lineage"}),
    Route(f"{DATASET}/events", LineageViewSet, {"get": "events"}),
    Route(
        FEATURE,
        FeatureViewSet,
        {"get": "retrieve", "put": "update", "delete": "destroy"},
    ),
    Route(f"{FEATURE}/activate", FeatureViewSet, {"post": "activate"}),
    Route(f"{FEATURE}/deprecate", FeatureViewSet, {"post": "deprecate"}),
    Route(
        f"{FEATURE}/versions", FeatureViewSet, {"get": "versions", "post": "release"}
    ),
    Route(f"{FEATURE}/rollback", FeatureViewSet, {"post": "roll_back"}),
    Route(f"{FEATURE}/lineage", FeatureViewSet, {"get": "lineage"}),
    Route(f"{FEATURE}/statistics", FeatureViewSet, {"get": "statistics"}),
    Route(f"{FEATURE}/events", FeatureViewSet, {"get": "events"}),
]

# The frontend wants this list in an envelope: it comes before the alias of the other.
ENVELOPE = [Route("/datasets", DatasetEnvelopeViewSet, {"get": "list"})]

urlpatterns = [
    *mount(ENVELOPE, "ml/features"),
    *mount(ROUTES, "features", aliases=["ml/features"]),
]
