"""SQL of people over versions: a page of the result, a file, or a new version."""

from typing import Any

from django.http import FileResponse, HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets.analytics.console import Form
from datasets.analytics.export import ExportFormat
from datasets.exports import CONTENT_TYPES
from datasets.models import Dataset
from datasets.serializers.sql import (
    SqlExportRequestSerializer,
    SqlPageRequestSerializer,
    SqlResultSerializer,
)
from datasets.sql_console import OWN_TABLE, SqlQuery
from datasets.viewsets.base import TAGS, DatasetBase, about
from mlops.core.headers import CONTENT_DISPOSITION, ROW_COUNT, ROW_ORDER
from mlops.core.schema.parameters import answered
from mlops.core.serializers import actor, validated
from mlops.core.throttling import AnalyticsThrottle


class SqlViewSet(DatasetBase):
    """One SELECT, run by a process that reads the named versions and nothing else."""

    throttle_classes = [*DatasetBase.throttle_classes, AnalyticsThrottle]
    takes_keys = False
    action_permissions = {
        "ask": "view",
        "download": "view",
    }
    downloads = frozenset({"download"})

    @extend_schema(
        operation_id="askDataset",
        summary="Ask Dataset",
        tags=TAGS,
        request=SqlPageRequestSerializer,
        responses=SqlResultSerializer,
    )
    def ask(self, request: Request, dataset_id: str) -> Response:
        """Return a page of what one SELECT gives.

        The version is the table `data`. `row_order` says whether the order is one.
        """
        body = validated(SqlPageRequestSerializer, request)
        question = question_of(self, body)
        found = question.page(offset=body["offset"], limit=body["limit"])
        return Response({**about(question.tables[OWN_TABLE]), **found})

    @extend_schema(
        operation_id="exportDatasetAnswer",
        summary="Export Dataset Answer",
        tags=TAGS,
        request=SqlExportRequestSerializer,
        parameters=[
            answered(header, 200)
            for header in (CONTENT_DISPOSITION, ROW_COUNT, ROW_ORDER)
        ],
        responses={
            (200, "application/vnd.apache.parquet"): OpenApiTypes.BINARY,
            (200, "application/vnd.apache.arrow.stream"): OpenApiTypes.BINARY,
        },
    )
    def download(self, request: Request, dataset_id: str) -> HttpResponseBase:
        """Return all that one SELECT gives as a file.

        `X-Row-Order` says whether its order is one, as `row_order` of a page does.
        """
        body = validated(SqlExportRequestSerializer, request)
        question = question_of(self, body)
        file, found = question.file(Form(body["format"]))
        answer = FileResponse(
            file,
            as_attachment=True,
            filename=f"{question.dataset.name}-sql.{body['format']}",
            content_type=CONTENT_TYPES[ExportFormat(body["format"])],
        )
        answer["X-Row-Order"] = found.order.value
        answer["X-Row-Count"] = str(found.row_count)
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Cache-Control"] = "private, no-store"
        return answer


def question_of(view: DatasetBase, body: dict[str, Any]) -> SqlQuery:
    """Return the question of a body; each of its tables is one the caller may see."""
    dataset = view.dataset()
    tables = {OWN_TABLE: view.version(dataset, body["version"])}
    for name, named in (body.get("tables") or {}).items():
        other = Dataset.objects.find(named["dataset"])
        view.check_object_permissions(view.request, other)
        tables[name] = view.version(other, named["version"], field="tables")
    return SqlQuery(dataset, body["sql"], tables, actor(view.request))
