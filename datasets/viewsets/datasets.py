"""Datasets: upload, list, detail, change, versions."""

from typing import Any

import orjson
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import ingestion, inline_ingestion, questions, sources
from datasets.filters import DatasetFilter
from datasets.models import Dataset
from datasets.pagination import DatasetPagination, EnvelopeSchema
from datasets.serializers.dataset import (
    DatasetDetailSerializer,
    DatasetSerializer,
)
from datasets.serializers.dataset_requests import (
    DatasetCreateSerializer,
    DatasetUpdateSerializer,
)
from datasets.serializers.queries import DetailQuerySerializer, validated_query
from datasets.stored_answers import joined
from datasets.viewsets.base import TAGS, DatasetBase, UploadsMixin
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import created

ROUTE = "/api/v1/features/datasets"


class DatasetViewSet(UploadsMixin, DatasetBase):
    atomic_actions = frozenset({"partial_update", "destroy"})
    filterset_class = DatasetFilter
    serializer_class = DatasetSerializer
    queryset = Dataset.objects.with_listing()
    sort_fields = {
        "name": "name",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "row_count": "current_version__row_count",
        "size_bytes": "current_version__size_bytes",
    }

    @extend_schema(
        operation_id="getDatasets",
        summary="Get Datasets",
        tags=TAGS,
        responses=DatasetSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns the datasets that meet all filters, with their total."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(DatasetSerializer(page, many=True).data)

    @extend_schema(
        operation_id="createDataset",
        summary="Create Dataset",
        tags=TAGS,
        request={
            "multipart/form-data": DatasetCreateSerializer,
            "application/json": DatasetCreateSerializer,
        },
        responses={201: DatasetSerializer},
    )
    def create(self, request: Request) -> Response:
        """Make a dataset of uploaded files.

        Files of up to 8 MiB in all are read before the answer: `state` is then
        `ready`, and a file that is no table is refused. Larger ones are read in the
        background: `state` is `processing`, then `ready`, or `failed` with
        `state_reason`.
        """
        fields = validated(DatasetCreateSerializer, request)
        name = Dataset.free_name(fields.pop("name"), by=actor(request))
        files = sources.received_files(fields, by=actor(request))
        with inline_ingestion.prepared(files, fields.get("options")) as found:
            dataset = Dataset.create_from(
                name, files, by=actor(request), is_read=found is not None, **fields
            )
            ingestion.settle_now(dataset.newest_version, found)
        return created(self._shown(dataset), location=f"{ROUTE}/{dataset.pk}")

    @extend_schema(
        operation_id="getDataset",
        summary="Get Dataset",
        tags=TAGS,
        parameters=[DetailQuerySerializer],
        responses=DatasetDetailSerializer,
    )
    def retrieve(self, request: Request, dataset_id: str) -> Response:
        """Return the dataset with its first rows and strongest correlations."""
        limit = validated_query(DetailQuerySerializer, request).get("sample_limit")
        dataset = self.get_object()
        shown = self._shown(dataset)
        version = dataset.current_version
        if version is None or version.purged_at is not None:
            return Response(shown)
        body = questions.detail(version).body()
        if limit is None:
            return Response(joined(shown, body))
        return Response({**shown, **_cut(orjson.loads(body), limit)})

    @extend_schema(
        operation_id="updateDataset",
        summary="Update Dataset",
        tags=TAGS,
        request=DatasetUpdateSerializer,
        responses=DatasetSerializer,
    )
    def partial_update(self, request: Request, dataset_id: str) -> Response:
        """Replaces what is given; the rows are another matter, of versions."""
        dataset = self.get_object()
        fields = validated(DatasetUpdateSerializer, request)
        return Response(self._shown(dataset.update(by=actor(request), **fields)))

    @extend_schema(
        operation_id="deleteDataset",
        summary="Delete Dataset",
        tags=TAGS,
        responses={204: None},
    )
    def destroy(self, request: Request, dataset_id: str) -> Response:
        """Delete all versions; refused when a run was trained on one of them."""
        self.get_object().remove(by=actor(request))
        return Response(status=204)

    def _shown(self, dataset: Dataset) -> dict[str, Any]:
        whole = Dataset.objects.with_listing().get(pk=dataset.pk)
        return dict(DatasetSerializer(whole).data)


class DatasetEnvelopeViewSet(DatasetViewSet):
    """The same list in the envelope that the present frontend reads."""

    pagination_class = DatasetPagination
    schema = EnvelopeSchema()

    @extend_schema(
        operation_id="listDatasets",
        summary="List Datasets",
        tags=TAGS,
        responses=DatasetSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns the datasets that meet all filters, as a bare array."""
        return super().list(request)


def _cut(shown: dict[str, Any], limit: int) -> dict[str, Any]:
    return {**shown, "sample_data": shown["sample_data"][:limit]}
