"""The points of a run's metrics over REST, step by step."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from lifecycle.filters import MetricPointFilter
from lifecycle.models import MetricPoint, NewPoint, Run
from lifecycle.serializers.run import (
    MetricBatchCreateSerializer,
    MetricBatchSerializer,
    MetricPointSerializer,
)
from lifecycle.times import now_ms, to_ms
from lifecycle.viewsets.base import TAGS
from mlops.core.errors import NotFound
from mlops.core.pagination import ArrayPagination
from mlops.core.serializers import validated
from mlops.core.viewsets import ApiViewSet, created


class HistoryPagination(ArrayPagination):
    """A curve is read whole more often than a list is."""

    default_limit = 10_000
    max_limit = 10_000


class MetricViewSet(ApiViewSet):
    permission_model = "lifecycle.run"
    action_permissions = {"log": "change", "history": "view"}
    serializer_class = MetricPointSerializer
    filterset_class = MetricPointFilter
    pagination_class = HistoryPagination
    sort_fields = {"step": "step", "timestamp": "timestamp_ms"}

    def find_object(self) -> Run:
        return Run.objects.find(self.kwargs["run_id"])

    def get_queryset(self) -> QuerySet[MetricPoint]:
        return MetricPoint.objects.order_by("step", "timestamp_ms", "pk")

    @extend_schema(
        operation_id="logMetrics",
        summary="Log Metrics",
        tags=TAGS,
        request=MetricBatchCreateSerializer,
        responses={201: MetricBatchSerializer},
    )
    def log(self, request: Request, run_id: str) -> Response:
        """Adds points; the same point again is no error and no second point."""
        body = validated(MetricBatchCreateSerializer, request)["metrics"]
        run: Run = self.get_object()
        arrived = now_ms()
        run.log(
            metrics=[
                NewPoint(
                    point["metric_name"],
                    point["value"],
                    point["step"],
                    to_ms(point["timestamp"]) if "timestamp" in point else arrived,
                    point.get("dataset") or "",
                )
                for point in body
            ]
        )
        shown = MetricBatchSerializer({"run_id": run.uid, "recorded": len(body)})
        return created(shown.data)

    @extend_schema(
        operation_id="getMetricHistory",
        summary="Get Metric History",
        tags=TAGS,
        responses=MetricPointSerializer(many=True),
    )
    def history(self, request: Request, run_id: str, key: str) -> Response:
        """Every point of one metric of the run, by step, then by time."""
        name = key.removesuffix("/")
        points = self.get_queryset().filter(run=self.get_object(), key__name=name)
        if not points.exists():
            raise NotFound(f"The run has no metric {name!r}.", field="key")
        page = self.paginate_queryset(self.filter_queryset(points))
        return self.get_paginated_response(
            MetricPointSerializer(page or [], many=True).data
        )
