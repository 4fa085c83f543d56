"""What is in a version: rows, statistics, correlation, schema."""

from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import comparison, questions
from datasets.analytics import rows
from datasets.analytics.rows import SampleMethod
from datasets.serializers.exploration import (
    CorrelationMatrixSerializer,
    DatasetAssociationsSerializer,
    DatasetCellSerializer,
    DatasetComparisonSerializer,
    DatasetRowsSerializer,
    DatasetSchemaSerializer,
    DatasetStatisticsSerializer,
)
from datasets.serializers.queries import (
    AssociationsQuerySerializer,
    CellQuerySerializer,
    CompareQuerySerializer,
    CorrelationQuerySerializer,
    FilterBodySerializer,
    FilterQuerySerializer,
    PageQuerySerializer,
    SampleQuerySerializer,
    SearchQuerySerializer,
    SelectionBodySerializer,
    StatisticsQuerySerializer,
    VersionQuerySerializer,
    conditions_of,
    is_ambiguous,
    validated_query,
    window_of,
)
from datasets.viewsets.base import TAGS, DatasetBase, about
from mlops.core.schema.parameters import CACHED
from mlops.core.serializers import validated
from mlops.core.throttling import AnalyticsThrottle

ROWS = {"type": "array", "items": {"type": "object", "additionalProperties": True}}


class ExplorationViewSet(DatasetBase):
    """Questions about the content of one version."""

    throttle_classes = [*DatasetBase.throttle_classes, AnalyticsThrottle]
    takes_keys = False
    action_permissions = {
        "sample": "view",
        "rows": "view",
        "filter": "view",
        "search": "view",
        "cell": "view",
        "statistics": "view",
        "correlation": "view",
        "associations": "view",
        "columns": "view",
        "compare": "view",
        "filter_link": "view",
        "filtered_statistics": "view",
    }

    @extend_schema(
        operation_id="getDatasetSample",
        summary="Get Dataset Sample",
        tags=TAGS,
        parameters=[SampleQuerySerializer],
        responses={(200, "application/json"): ROWS},
    )
    def sample(self, request: Request, dataset_id: str) -> Response:
        """Return some rows: the first, random or stratified ones."""
        query = validated_query(SampleQuerySerializer, request)
        version = self.requested_version(query)
        question = questions.sample(
            version,
            window_of(query),
            method=SampleMethod(query["method"]),
            seed=query["seed"],
            by=query.get("by"),
        )
        return self.answer(request, question)

    @extend_schema(
        operation_id="getDatasetCorrelation",
        summary="Get Dataset Correlation",
        tags=TAGS,
        parameters=[CorrelationQuerySerializer],
        responses=CorrelationMatrixSerializer,
    )
    def correlation(self, request: Request, dataset_id: str) -> Response:
        """Return how columns go together, over the rows where both have a value."""
        query = validated_query(CorrelationQuerySerializer, request)
        version = self.requested_version(query)
        question = questions.correlations(
            version, query["method"], query.get("columns")
        )
        return self.answer(request, question, about(version))

    @extend_schema(
        operation_id="getDatasetAssociations",
        summary="Get Dataset Associations",
        tags=TAGS,
        parameters=[AssociationsQuerySerializer],
        responses=DatasetAssociationsSerializer,
    )
    def associations(self, request: Request, dataset_id: str) -> Response:
        """Return Cramér's V of categories and the correlation ratio of numbers."""
        query = validated_query(AssociationsQuerySerializer, request)
        version = self.requested_version(query)
        question = questions.associations(version, query.get("columns"))
        return self.answer(request, question, about(version))

    @extend_schema(
        operation_id="getDatasetStatistics",
        summary="Get Dataset Statistics",
        tags=TAGS,
        parameters=[StatisticsQuerySerializer],
        responses=DatasetStatisticsSerializer,
    )
    def statistics(self, request: Request, dataset_id: str) -> Response:
        """Return the figures of every column, of all rows or of those of a filter."""
        return self._statistics(
            request, validated_query(StatisticsQuerySerializer, request)
        )

    @extend_schema(
        operation_id="getFilteredDatasetStatistics",
        summary="Get Filtered Dataset Statistics",
        tags=TAGS,
        parameters=[CACHED],
        request=SelectionBodySerializer,
        responses=DatasetStatisticsSerializer,
    )
    def filtered_statistics(self, request: Request, dataset_id: str) -> Response:
        """Return the figures of the rows that meet all conditions."""
        return self._statistics(request, validated(SelectionBodySerializer, request))

    @extend_schema(
        operation_id="getDatasetRows",
        summary="Get Dataset Rows",
        tags=TAGS,
        parameters=[PageQuerySerializer],
        responses=DatasetRowsSerializer,
    )
    def rows(self, request: Request, dataset_id: str) -> Response:
        """Return a page of the rows; without `order_by` in the order of the file."""
        return self._page(validated_query(PageQuerySerializer, request), rows.page)

    @extend_schema(
        operation_id="filterDataset",
        summary="Filter Dataset",
        tags=TAGS,
        request=FilterBodySerializer,
        responses=DatasetRowsSerializer,
    )
    def filter(self, request: Request, dataset_id: str) -> Response:
        """Return a page of the rows that meet all conditions."""
        body = validated(FilterBodySerializer, request)
        return self._page(body, partial(rows.page, conditions=conditions_of(body)))

    @extend_schema(
        operation_id="getFilteredDatasetRows",
        summary="Get Filtered Dataset Rows",
        tags=TAGS,
        parameters=[FilterQuerySerializer],
        responses=DatasetRowsSerializer,
    )
    def filter_link(self, request: Request, dataset_id: str) -> Response:
        """Return what the same filter by POST does, at an address to share."""
        query = validated_query(FilterQuerySerializer, request)
        return self._page(query, partial(rows.page, conditions=conditions_of(query)))

    @extend_schema(
        operation_id="searchDataset",
        summary="Search Dataset",
        tags=TAGS,
        parameters=[SearchQuerySerializer],
        responses=DatasetRowsSerializer,
    )
    def search(self, request: Request, dataset_id: str) -> Response:
        """Return a page of the rows where any cell matches a text.

        With `conditions`, of those that meet them all.
        """
        query = validated_query(SearchQuerySerializer, request)
        conditions = conditions_of(query)

        def find(path: Any, window: rows.Window) -> rows.Rows:
            return rows.search(path, query["q"], window, conditions)

        return self._page(query, find)

    @extend_schema(
        operation_id="getDatasetCell",
        summary="Get Dataset Cell",
        tags=TAGS,
        parameters=[CellQuerySerializer],
        responses=DatasetCellSerializer,
    )
    def cell(self, request: Request, dataset_id: str) -> Response:
        """Return one cell whole, which a page of rows may have cut."""
        query = validated_query(CellQuerySerializer, request)
        version = self.requested_version(query)
        found = questions.cell(version, query["row"], query["column"])
        return Response({**about(version), **found})

    @extend_schema(
        operation_id="getDatasetSchema",
        summary="Get Dataset Schema",
        tags=TAGS,
        parameters=[VersionQuerySerializer],
        responses=DatasetSchemaSerializer,
    )
    def columns(self, request: Request, dataset_id: str) -> Response:
        """Return the columns in file order."""
        version = self.requested_version(
            validated_query(VersionQuerySerializer, request)
        )
        found = [
            {
                "name": column.name,
                "type": column.data_type,
                "position": column.position,
                "original_name": column.original_name,
                "null_count": column.null_count,
            }
            for column in version.columns.all()
        ]
        return Response(
            DatasetSchemaSerializer({**about(version), "columns": found}).data
        )

    @extend_schema(
        operation_id="compareDatasetVersions",
        summary="Compare Dataset Versions",
        tags=TAGS,
        parameters=[CompareQuerySerializer],
        responses=DatasetComparisonSerializer,
    )
    def compare(self, request: Request, dataset_id: str) -> Response:
        """Return what changed from `with` to `version`, and what that breaks."""
        query = validated_query(CompareQuerySerializer, request)
        dataset = self.dataset()
        later = self.version(dataset, query["version"])
        earlier = self.version(dataset, query["with"], field="with")
        return Response(
            DatasetComparisonSerializer(comparison.compare(earlier, later)).data
        )

    def _statistics(self, request: Request, fields: dict[str, Any]) -> Response:
        version = self.requested_version(fields)
        conditions = conditions_of(fields)
        columns = fields.get("columns") or None
        question = questions.statistics(version, columns, conditions)
        return self.answer(request, question, about(version))

    def _page(self, fields: dict[str, Any], find: Any) -> Response:
        version = self.requested_version(fields)
        names = version.column_names if is_ambiguous(fields) else ()
        window = window_of(fields, names)
        found = questions.page(version, window, lambda path: find(path, window))
        return Response({**about(version), **found})
