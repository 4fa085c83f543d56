"""How far the data of one version is from another's."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import drift_reports
from datasets.models import DriftReport
from datasets.serializers.exploration import DriftReportSerializer
from datasets.serializers.queries import DriftQuerySerializer, validated_query
from datasets.viewsets.base import TAGS, DatasetBase
from mlops.core.serializers import actor
from mlops.core.throttling import AnalyticsThrottle


class DriftViewSet(DatasetBase):
    throttle_classes = [*DatasetBase.throttle_classes, AnalyticsThrottle]
    action_permissions = {
        "drift": "view",
        "drift_reports": "view",
    }

    @extend_schema(
        operation_id="getDatasetDrift",
        summary="Get Dataset Drift",
        tags=TAGS,
        parameters=[DriftQuerySerializer],
        responses=DriftReportSerializer,
    )
    def drift(self, request: Request, dataset_id: str) -> Response:
        """Return how far the data of `to` is from that of `from`; it is kept."""
        query = validated_query(DriftQuerySerializer, request)
        dataset = self.dataset()
        report = drift_reports.report(
            self.version(dataset, query["from"], field="from"),
            self.version(dataset, query["to"], field="to"),
            by=actor(request),
        )
        return Response(DriftReportSerializer(report).data)

    @extend_schema(
        operation_id="listDatasetDriftReports",
        summary="List Dataset Drift Reports",
        tags=TAGS,
        responses=DriftReportSerializer(many=True),
    )
    def drift_reports(self, request: Request, dataset_id: str) -> Response:
        """Return the reports of the dataset, newest first."""
        reports = DriftReport.objects.filter(current__dataset=self.dataset())
        page = self.paginate_queryset(reports.select_related("reference", "current"))
        return self.get_paginated_response(DriftReportSerializer(page, many=True).data)
