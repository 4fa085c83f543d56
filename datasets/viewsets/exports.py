"""A version, or the rows of a filter, as a file to download."""

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import exports
from datasets.serializers.queries import (
    ExportBodySerializer,
    ExportOptionsQuerySerializer,
    ExportQuerySerializer,
    export_of,
    validated_query,
)
from datasets.viewsets.base import TAGS, DatasetBase
from mlops.core import headers
from mlops.core.schema.parameters import CACHED, RANGED, answered
from mlops.core.serializers import validated
from mlops.core.throttling import AnalyticsThrottle

FILES = {
    (200, "text/csv"): OpenApiTypes.BINARY,
    (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
    (200, "application/vnd.apache.arrow.stream"): OpenApiTypes.BINARY,
    (200, "application/x-ndjson"): OpenApiTypes.BINARY,
    (206, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
    416: OpenApiResponse(description="The file has no such range."),
}
DESCRIBED = [
    answered(headers.EXPORT_CHANGED_CELLS, 200),
    answered(headers.EXPORT_GUARDED, 200),
    answered(headers.EXPORT_UNLIKE_COLUMNS, 200),
    answered(headers.EXPORT_UNLIKE_NAMES, 200),
    answered(headers.LINK, 200),
]
OPTIONS = {"type": "object", "additionalProperties": True}


class ExportViewSet(DatasetBase):
    """Downloads of the content of one version."""

    throttle_classes = [*DatasetBase.throttle_classes, AnalyticsThrottle]
    takes_keys = False
    action_permissions = {
        "export": "view",
        "filtered_export": "view",
        "export_options": "view",
    }
    downloads = frozenset(action_permissions)

    @extend_schema(
        operation_id="exportDataset",
        summary="Export Dataset",
        tags=TAGS,
        parameters=[ExportQuerySerializer, *RANGED, *DESCRIBED],
        responses=FILES,
    )
    def export(self, request: Request, dataset_id: str) -> HttpResponseBase:
        """Stream the version, or the rows of a filter, as a file in its order.

        The same request gives the same bytes. The whole version as Parquet has a
        length and understands `Range`, so that readers fetch the columns they need.
        How CSV and JSON lines have to be read again is behind the `Link`.
        """
        query = validated_query(ExportQuerySerializer, request)
        return exports.attachment(
            request, self.requested_version(query), export_of(query)
        )

    @extend_schema(
        operation_id="exportFilteredDataset",
        summary="Export Filtered Dataset",
        tags=TAGS,
        request=ExportBodySerializer,
        parameters=[CACHED, *RANGED, *DESCRIBED],
        responses=FILES,
    )
    def filtered_export(self, request: Request, dataset_id: str) -> HttpResponseBase:
        """Stream the rows that meet all conditions, as the export by GET does."""
        body = validated(ExportBodySerializer, request)
        return exports.attachment(
            request, self.requested_version(body), export_of(body)
        )

    @extend_schema(
        operation_id="getExportOptions",
        summary="Get Export Options",
        tags=TAGS,
        parameters=[ExportOptionsQuerySerializer],
        responses={(200, "application/json"): OPTIONS},
    )
    def export_options(self, request: Request, dataset_id: str) -> Response:
        """Return the upload options that read an (exact) export as what it was."""
        query = validated_query(ExportOptionsQuerySerializer, request)
        version = self.requested_version(query)
        return Response(exports.reading_options(version, export_of(query)))
