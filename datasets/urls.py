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
from mlops.core.routes import ApiRoute, mount

DATASET = "/datasets/<str:dataset_id>"
VERSION = f"{DATASET}/versions/<str:label>"
FEATURE = "/<str:feature_name>"

# Static words come before the names of features, which may not be those words.
ROUTES = [
    ApiRoute("", FeatureViewSet, {"get": "list", "post": "create"}),
    ApiRoute("/usage", FeatureViewSet, {"post": "record_use"}),
    ApiRoute("/uploads", UploadViewSet, {"post": "create"}),
    ApiRoute("/uploads/preview", PreviewViewSet, {"post": "preview"}),
    ApiRoute(
        "/uploads/<str:upload_id>",
        UploadViewSet,
        {"get": "retrieve", "patch": "append", "delete": "destroy"},
    ),
    ApiRoute("/datasets", DatasetViewSet, {"get": "list", "post": "create"}),
    ApiRoute(
        DATASET,
        DatasetViewSet,
        {"get": "retrieve", "patch": "partial_update", "delete": "destroy"},
    ),
    ApiRoute(
        f"{DATASET}/versions",
        DatasetVersionViewSet,
        {"get": "list", "post": "create"},
    ),
    ApiRoute(f"{DATASET}/append", DatasetVersionViewSet, {"post": "append"}),
    ApiRoute(VERSION, DatasetVersionViewSet, {"get": "retrieve", "delete": "destroy"}),
    ApiRoute(f"{VERSION}/cancel", DatasetVersionViewSet, {"post": "cancel"}),
    ApiRoute(f"{VERSION}/retry", DatasetVersionViewSet, {"post": "retry"}),
    ApiRoute(f"{DATASET}/sample", ExplorationViewSet, {"get": "sample"}),
    ApiRoute(f"{DATASET}/rows", ExplorationViewSet, {"get": "rows"}),
    ApiRoute(
        f"{DATASET}/filter",
        ExplorationViewSet,
        {"get": "filter_link", "post": "filter"},
    ),
    ApiRoute(
        f"{DATASET}/filter/versions",
        DatasetVersionViewSet,
        {"post": "create_filtered"},
    ),
    ApiRoute(f"{DATASET}/sql", SqlViewSet, {"post": "ask"}),
    ApiRoute(f"{DATASET}/sql/export", SqlViewSet, {"post": "download"}),
    ApiRoute(
        f"{DATASET}/sql/versions", DatasetVersionViewSet, {"post": "create_answered"}
    ),
    ApiRoute(
        f"{DATASET}/groups", GroupingViewSet, {"get": "groups_link", "post": "groups"}
    ),
    ApiRoute(
        f"{DATASET}/facets", GroupingViewSet, {"get": "facets_link", "post": "facets"}
    ),
    ApiRoute(f"{DATASET}/cell", ExplorationViewSet, {"get": "cell"}),
    ApiRoute(f"{DATASET}/search", ExplorationViewSet, {"get": "search"}),
    ApiRoute(
        f"{DATASET}/statistics",
        ExplorationViewSet,
        {"get": "statistics", "post": "filtered_statistics"},
    ),
    ApiRoute(f"{DATASET}/correlation", ExplorationViewSet, {"get": "correlation"}),
    ApiRoute(f"{DATASET}/schema", ExplorationViewSet, {"get": "columns"}),
    ApiRoute(f"{DATASET}/compare", ExplorationViewSet, {"get": "compare"}),
    ApiRoute(f"{DATASET}/diff", RowDiffViewSet, {"get": "row_diff"}),
    ApiRoute(
        f"{DATASET}/export",
        ExportViewSet,
        {"get": "export", "post": "filtered_export"},
    ),
    ApiRoute(f"{DATASET}/export/options", ExportViewSet, {"get": "export_options"}),
    ApiRoute(f"{DATASET}/associations", ExplorationViewSet, {"get": "associations"}),
    ApiRoute(f"{DATASET}/drift", DriftViewSet, {"get": "drift"}),
    ApiRoute(f"{DATASET}/drift-reports", DriftViewSet, {"get": "drift_reports"}),
    ApiRoute(f"{DATASET}/rules", QualityViewSet, {"get": "list", "post": "create"}),
    ApiRoute(f"{DATASET}/rules/suggestions", SuggestionViewSet, {"get": "suggestions"}),
    ApiRoute(
        f"{DATASET}/rules/<str:rule_id>",
        QualityViewSet,
        {"get": "retrieve", "patch": "partial_update", "delete": "destroy"},
    ),
    ApiRoute(f"{DATASET}/checks", QualityViewSet, {"get": "history", "post": "check"}),
    ApiRoute(f"{DATASET}/lineage", LineageViewSet, {"get": "lineage"}),
    ApiRoute(f"{DATASET}/events", LineageViewSet, {"get": "events"}),
    ApiRoute(
        FEATURE,
        FeatureViewSet,
        {"get": "retrieve", "put": "update", "delete": "destroy"},
    ),
    ApiRoute(f"{FEATURE}/activate", FeatureViewSet, {"post": "activate"}),
    ApiRoute(f"{FEATURE}/deprecate", FeatureViewSet, {"post": "deprecate"}),
    ApiRoute(
        f"{FEATURE}/versions", FeatureViewSet, {"get": "versions", "post": "release"}
    ),
    ApiRoute(f"{FEATURE}/rollback", FeatureViewSet, {"post": "roll_back"}),
    ApiRoute(f"{FEATURE}/lineage", FeatureViewSet, {"get": "lineage"}),
    ApiRoute(f"{FEATURE}/statistics", FeatureViewSet, {"get": "statistics"}),
    ApiRoute(f"{FEATURE}/events", FeatureViewSet, {"get": "events"}),
]

# The frontend wants this list in an envelope: it comes before the alias of the other.
ENVELOPE = [ApiRoute("/datasets", DatasetEnvelopeViewSet, {"get": "list"})]

urlpatterns = [
    *mount(ENVELOPE, "ml/features"),
    *mount(ROUTES, "features", aliases=["ml/features"]),
]
