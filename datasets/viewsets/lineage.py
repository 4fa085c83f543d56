"""What is connected to a dataset, and what its versions did to that."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import relations
from datasets.serializers.binding import DatasetEventSerializer
from datasets.serializers.exploration import DatasetLineageSerializer
from datasets.viewsets.base import TAGS, DatasetBase


class LineageViewSet(DatasetBase):
    action_permissions = {"lineage": "view", "events": "view"}

    @extend_schema(
        operation_id="getDatasetLineage",
        summary="Get Dataset Lineage",
        tags=TAGS,
        responses=DatasetLineageSerializer,
    )
    def lineage(self, request: Request, dataset_id: str) -> Response:
        """Return versions, features, their dependents and the models that use them."""
        return Response(DatasetLineageSerializer(relations.graph(self.dataset())).data)

    @extend_schema(
        operation_id="listDatasetEvents",
        summary="List Dataset Events",
        tags=TAGS,
        responses=DatasetEventSerializer(many=True),
    )
    def events(self, request: Request, dataset_id: str) -> Response:
        """Return what new versions did to columns and features, newest first."""
        found = self.dataset().events.select_related("feature")
        page = self.paginate_queryset(found) or []
        return self.get_paginated_response(DatasetEventSerializer(page, many=True).data)
