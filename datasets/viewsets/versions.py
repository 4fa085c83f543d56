"""Versions of a dataset: upload, append, filter, SQL, cancel, retry, purge."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import appending, exports, ingestion, sources
from datasets.analytics.export import ExportFormat
from datasets.models import Dataset, DatasetVersion
from datasets.models.dataset import AppendBase
from datasets.serializers.dataset import (
    DatasetVersionSerializer,
)
from datasets.serializers.dataset_requests import (
    DatasetAppendSerializer,
    DatasetVersionCreateSerializer,
)
from datasets.serializers.queries import SelectionBodySerializer, export_of
from datasets.serializers.reading import DatasetVersionRetrySerializer
from datasets.serializers.sql import SqlStatementSerializer
from datasets.storage import IncomingFile
from datasets.viewsets.base import TAGS, DatasetBase, UploadsMixin
from datasets.viewsets.datasets import ROUTE
from datasets.viewsets.sql import question_of
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import created


class DatasetVersionViewSet(UploadsMixin, DatasetBase):
    """The versions of one dataset; `label` is a number, "latest" or a digest."""

    action_permissions = {
        "create": "change",
        "create_filtered": "change",
        "create_answered": "change",
        "append": "change",
        "cancel": "change",
        "retry": "change",
    }
    compared_posts = frozenset(
        {"create", "append", "create_filtered", "create_answered"}
    )
    atomic_actions = frozenset({"destroy"})

    def find_object(self) -> DatasetVersion:
        versions = self.find_dataset().versions
        return versions.of_label(self.kwargs["label"], field="label")

    def lock(self, found: Model) -> None:
        """Hold the dataset before the version, as every upload does."""
        super().lock(self.find_dataset())
        super().lock(found)

    @extend_schema(
        operation_id="listDatasetVersions",
        summary="List Dataset Versions",
        tags=TAGS,
        responses=DatasetVersionSerializer(many=True),
    )
    def list(self, request: Request, dataset_id: str) -> Response:
        """Return the versions, newest first."""
        versions = self.dataset().versions.select_related(
            "dataset", "created_by", "job", "appended_to"
        )
        page = self.paginate_queryset(versions.order_by("-number")) or []
        return self.get_paginated_response(
            DatasetVersionSerializer(page, many=True).data
        )

    @extend_schema(
        operation_id="createDatasetVersion",
        summary="Create Dataset Version",
        tags=TAGS,
        request={
            "multipart/form-data": DatasetVersionCreateSerializer,
            "application/json": DatasetVersionCreateSerializer,
        },
        responses={201: DatasetVersionSerializer, 200: DatasetVersionSerializer},
    )
    def create(self, request: Request, dataset_id: str) -> Response:
        """Add a version; bytes that are one already answer 200 with that one."""
        dataset = self.dataset()
        fields = validated(DatasetVersionCreateSerializer, request)
        files = sources.received_files(fields, by=actor(request))
        return self._added(request, dataset, files, fields.get("options"))

    @extend_schema(
        operation_id="appendToDatasetVersion",
        summary="Append To Dataset Version",
        tags=TAGS,
        request={
            "multipart/form-data": DatasetAppendSerializer,
            "application/json": DatasetAppendSerializer,
        },
        responses={201: DatasetVersionSerializer, 200: DatasetVersionSerializer},
    )
    def append(self, request: Request, dataset_id: str) -> Response:
        """Add a version of a version's rows and then those of files.

        The upload of before is not read again; its types hold, unless `widen` lets
        them widen. Sent twice, the second is 409: the version is not current any more.
        """
        dataset = self.dataset()
        fields = validated(DatasetAppendSerializer, request)
        label = fields.pop("base_version")
        first = self.version(dataset, label, field="base_version")
        dataset.require_current(first)
        options = fields.get("options") or {}
        base = AppendBase.of(first, options, widens=fields.pop("widen"))
        files = sources.received_files(fields, by=actor(request))
        version, is_new = appending.append_version(
            dataset, files, base, by=actor(request)
        )
        return self._shown(dataset, version, is_new=is_new)

    @extend_schema(
        operation_id="createFilteredDatasetVersion",
        summary="Create Filtered Dataset Version",
        tags=TAGS,
        request=SelectionBodySerializer,
        responses={201: DatasetVersionSerializer, 200: DatasetVersionSerializer},
    )
    def create_filtered(self, request: Request, dataset_id: str) -> Response:
        """Add a version that holds the rows of `version` that meet all conditions.

        In their order and with their types; rows that are a version already answer
        200 with that one.
        """
        dataset = self.dataset()
        body = validated(SelectionBodySerializer, request)
        version = self.version(dataset, body["version"])
        wanted = export_of({**body, "format": ExportFormat.PARQUET})
        return self._added(request, dataset, [exports.as_upload(version, wanted)])

    @extend_schema(
        operation_id="createDatasetVersionOfAnswer",
        summary="Create Dataset Version Of Answer",
        tags=TAGS,
        request=SqlStatementSerializer,
        responses={201: DatasetVersionSerializer, 200: DatasetVersionSerializer},
    )
    def create_answered(self, request: Request, dataset_id: str) -> Response:
        """Add a version that holds what one SELECT gives, in its order.

        Its ORDER BY has to leave no two different rows equal; otherwise it is 422
        `sql_no_total_order`. Rows that are a version already answer 200 with that one.
        """
        question = question_of(self, validated(SqlStatementSerializer, request))
        return self._added(request, question.dataset, [question.as_upload()])

    def _added(
        self,
        request: Request,
        dataset: Dataset,
        files: Sequence[IncomingFile],
        options: dict[str, Any] | None = None,
    ) -> Response:
        version, is_new = ingestion.add_version(
            dataset, files, by=actor(request), options=options
        )
        return self._shown(dataset, version, is_new=is_new)

    def _shown(
        self, dataset: Dataset, version: DatasetVersion, *, is_new: bool
    ) -> Response:
        shown = DatasetVersionSerializer(DatasetVersion.objects.get(pk=version.pk)).data
        if not is_new:
            return Response(shown)
        location = f"{ROUTE}/{dataset.pk}/versions/{version.number}"
        return created(shown, location=location)

    @extend_schema(
        operation_id="getDatasetVersion",
        summary="Get Dataset Version",
        tags=TAGS,
        responses=DatasetVersionSerializer,
    )
    def retrieve(self, request: Request, dataset_id: str, label: str) -> Response:
        """Returns one version by its number, digest or `latest`, ready or not."""
        return Response(DatasetVersionSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="cancelDatasetVersion",
        summary="Cancel Dataset Version",
        tags=TAGS,
        request=None,
        responses=DatasetVersionSerializer,
    )
    def cancel(self, request: Request, dataset_id: str, label: str) -> Response:
        """Stop reading the files; the version becomes failed."""
        version = self.dataset().versions.of_label(label, field="label")
        version.cancel(by=actor(request))
        return Response(DatasetVersionSerializer(version).data)

    @extend_schema(
        operation_id="retryDatasetVersion",
        summary="Retry Dataset Version",
        tags=TAGS,
        request=DatasetVersionRetrySerializer,
        responses={200: DatasetVersionSerializer, 201: DatasetVersionSerializer},
    )
    def retry(self, request: Request, dataset_id: str, label: str) -> Response:
        """Read the same files once more.

        After a failure that is the same version (200). Of a version that is ready,
        whose files are still kept, `options` make the next one (201).
        """
        dataset = self.dataset()
        version = dataset.versions.of_label(label, field="label")
        options = validated(DatasetVersionRetrySerializer, request).get("options")
        if options is not None and version.is_readable:
            files = sources.kept_files(version)
            return self._added(request, dataset, files, options)
        version.retry(by=actor(request), options=options)
        return Response(DatasetVersionSerializer(version).data)

    @extend_schema(
        operation_id="purgeDatasetVersion",
        summary="Purge Dataset Version",
        tags=TAGS,
        responses={204: None},
    )
    def destroy(self, request: Request, dataset_id: str, label: str) -> Response:
        """Delete the bytes and keep the row; refused while a run relies on it."""
        self.get_object().purge(by=actor(request))
        return Response(status=204)
