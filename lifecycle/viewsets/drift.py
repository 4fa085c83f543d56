"""Drift events over REST."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle.filters import DriftEventFilter
from lifecycle.models import DriftEvent, ModelVersion
from lifecycle.serializers.drift import DriftEventCreateSerializer, DriftEventSerializer
from lifecycle.viewsets.base import TAGS
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import ApiViewSet


class DriftEventViewSet(ApiViewSet):
    permission_model = "lifecycle.driftevent"
    serializer_class = DriftEventSerializer
    filterset_class = DriftEventFilter
    sort_fields = {
        "detected_at": "detected_at",
        "severity": "severity",
        "metric_name": "metric_name",
        "metric_value": "metric_value",
    }

    def get_queryset(self) -> QuerySet[DriftEvent]:
        return DriftEvent.objects.select_related("version__model")

    @extend_schema(
        operation_id="listDriftEvents", summary="List Drift Events", tags=TAGS
    )
    def list(self, request: Request) -> Response:
        """Returns recorded drift, newest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(
            DriftEventSerializer(page or [], many=True).data
        )

    @extend_schema(
        operation_id="recordDriftEvent",
        summary="Record Drift Event",
        tags=TAGS,
        request=DriftEventCreateSerializer,
        responses={200: DriftEventSerializer},
    )
    def create(self, request: Request) -> Response:
        """Records that a figure of a model has moved away from what was expected."""
        body = validated(DriftEventCreateSerializer, request)
        version = ModelVersion.objects.labelled(
            body.pop("model_name"), body.pop("version")
        )
        event = DriftEvent.note(version, by=actor(request), **body)
        return Response(DriftEventSerializer(event).data)
