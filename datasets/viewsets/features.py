"""The feature store."""

from typing import Any
from urllib.parse import quote

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import formulas
from datasets.filters import FeatureFilter
from datasets.models import Feature
from datasets.pagination import EnvelopeSchema, FeaturePagination
from datasets.serializers.binding import FeatureEventsSerializer
from datasets.serializers.feature import (
    FeatureLineageSerializer,
    FeatureSerializer,
    FeatureStatisticsResponseSerializer,
    FeatureUsageSerializer,
    FeatureVersionListSerializer,
    FeatureVersionSerializer,
)
from datasets.serializers.feature_requests import (
    FeatureCreateSerializer,
    FeatureUpdateSerializer,
    FeatureUsageCreateSerializer,
    FeatureVersionCreateSerializer,
)
from mlops.core.errors import BadQuery
from mlops.core.queries import single, truth
from mlops.core.serializers import actor, validated
from mlops.core.viewsets import ApiViewSet, created

ROUTE = "/api/v1/features"
MOST_EVENTS = 100
TAGS = ["Feature Store", "ML"]


class FeatureViewSet(ApiViewSet):
    """Features, found by name or id."""

    permission_model = "datasets.feature"
    action_permissions = {
        "activate": "change",
        "deprecate": "change",
        "release": "change",
        "roll_back": "change",
        "versions": "view",
        "lineage": "view",
        "statistics": "view",
        "events": "view",
        "record_use": "datasets.add_featureusage",
    }
    untagged = frozenset({"statistics"})
    queryset = Feature.objects.with_details()
    serializer_class = FeatureSerializer
    filterset_class = FeatureFilter
    pagination_class = FeaturePagination
    schema = EnvelopeSchema()
    lookup_url_kwarg = "feature_name"
    sort_fields = {
        "feature_name": "feature_name",
        "name": "feature_name",
        "created_at": "created_at",
        "updated_at": "updated_at",
        "usage_count": "usage_count",
        "status": "status",
    }

    def find_object(self) -> Feature:
        return Feature.objects.find(self.kwargs["feature_name"])

    @extend_schema(
        operation_id="listFeatures",
        summary="List Features",
        tags=TAGS,
        responses=FeatureSerializer(many=True),
    )
    def list(self, request: Request) -> Response:
        """Returns the features that meet all filters, archived ones too."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(
        operation_id="createFeature",
        summary="Create Feature",
        tags=TAGS,
        request=FeatureCreateSerializer,
        responses={201: FeatureSerializer},
    )
    def create(self, request: Request) -> Response:
        """Defines a feature; its first version is 1.0.0, and it starts as a draft."""
        fields = validated(FeatureCreateSerializer, request)
        feature = Feature.create_from(**fields, by=actor(request))
        location = f"{ROUTE}/{quote(feature.feature_name, safe='')}"
        return created(self._shown(feature), location=location)

    @extend_schema(
        operation_id="getFeature",
        summary="Get Feature",
        tags=TAGS,
        responses=FeatureSerializer,
    )
    def retrieve(self, request: Request, feature_name: str) -> Response:
        """Returns one feature, by name or by id, as its current version defines it."""
        return Response(self._shown(self.get_object()))

    @extend_schema(
        operation_id="updateFeature",
        summary="Update Feature",
        tags=TAGS,
        request=FeatureUpdateSerializer,
        responses=FeatureSerializer,
    )
    def update(self, request: Request, feature_name: str) -> Response:
        """Replaces what is given. It makes no new version."""
        feature = self.get_object()
        fields = validated(FeatureUpdateSerializer, request)
        return Response(self._shown(feature.update(**fields, by=actor(request))))

    @extend_schema(
        operation_id="deleteFeature",
        summary="Delete Feature",
        tags=TAGS,
        responses={204: None},
    )
    def destroy(self, request: Request, feature_name: str) -> Response:
        """Archive the feature; refused while others are computed from it."""
        self.get_object().archive(by=actor(request))
        return Response(status=204)

    @extend_schema(
        operation_id="activateFeature",
        summary="Activate Feature",
        tags=TAGS,
        request=None,
        responses=FeatureSerializer,
    )
    def activate(self, request: Request, feature_name: str) -> Response:
        """Opens a draft for use; 409 where its status does not allow that."""
        return Response(self._shown(self.get_object().activate(by=actor(request))))

    @extend_schema(
        operation_id="deprecateFeature",
        summary="Deprecate Feature",
        tags=TAGS,
        request=None,
        responses=FeatureSerializer,
    )
    def deprecate(self, request: Request, feature_name: str) -> Response:
        """Says that an active feature should be used no more; it still answers."""
        return Response(self._shown(self.get_object().deprecate(by=actor(request))))

    @extend_schema(
        operation_id="getFeatureVersions",
        summary="Get Feature Versions",
        tags=TAGS,
        responses=FeatureVersionListSerializer,
    )
    def versions(self, request: Request, feature_name: str) -> Response:
        """Returns every version of the feature, newest first."""
        versions = self.get_object().versions.select_related("feature", "created_by")
        listed = list(versions.order_by("-number"))
        answer = FeatureVersionListSerializer(
            {"versions": listed, "total": len(listed)}
        )
        return Response(answer.data)

    @extend_schema(
        operation_id="createVersion",
        summary="Create Version",
        tags=TAGS,
        request=FeatureVersionCreateSerializer,
        responses={200: FeatureVersionSerializer},
    )
    def release(self, request: Request, feature_name: str) -> Response:
        """Releases the feature, as it is defined now, as its new current version."""
        feature = self.get_object()
        fields = validated(FeatureVersionCreateSerializer, request)
        version = feature.release_version(**fields, by=actor(request))
        return Response(FeatureVersionSerializer(version).data)

    @extend_schema(
        operation_id="rollbackVersion",
        summary="Rollback Version",
        tags=TAGS,
        request=None,
        parameters=[
            OpenApiParameter(
                "target_version",
                {"type": "string", "minLength": 1},
                required=True,
                description="The version's name, or its id.",
            )
        ],
        responses={200: FeatureVersionSerializer},
    )
    def roll_back(self, request: Request, feature_name: str) -> Response:
        """Makes an earlier version current again; later ones are marked rolled back."""
        feature = self.get_object()
        target = single(request, "target_version")
        if not target:
            raise BadQuery("Say which version.", field="target_version")
        version = feature.roll_back_to(target, by=actor(request))
        return Response(FeatureVersionSerializer(version).data)

    @extend_schema(
        operation_id="getFeatureLineage",
        summary="Get Feature Lineage",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "recursive",
                bool,
                default=True,
                description="Also what is not next to it.",
            )
        ],
        responses=FeatureLineageSerializer,
    )
    def lineage(self, request: Request, feature_name: str) -> Response:
        """Returns which features this one is made of, and which are made of it."""
        feature = self.get_object()
        recursive = truth(request, "recursive", default=True)
        answer = FeatureLineageSerializer(feature.lineage(recursive=recursive))
        return Response(answer.data)

    @extend_schema(
        operation_id="getFeatureStatistics",
        summary="Get Feature Statistics",
        tags=TAGS,
        responses=FeatureStatisticsResponseSerializer,
    )
    def statistics(self, request: Request, feature_name: str) -> Response:
        """Returns where the feature is used and what its column looks like."""
        feature = self.get_object()
        formulas.compute(feature)
        figures = {
            "feature_name": feature.feature_name,
            "feature_version": feature.current_version,
            "dataset_name": None,
            "dataset_version": None,
            "statistics_reason": feature.statistics_reason,
            **feature.usages.summary(),
            **feature.data_summary(),
        }
        return Response(FeatureStatisticsResponseSerializer(figures).data)

    @extend_schema(
        operation_id="listFeatureEvents",
        summary="List Feature Events",
        tags=TAGS,
        responses=FeatureEventsSerializer,
    )
    def events(self, request: Request, feature_name: str) -> Response:
        """Return when the feature broke or was mended, newest first."""
        events = list(self.get_object().events.select_related("feature")[:MOST_EVENTS])
        return Response(FeatureEventsSerializer({"events": events}).data)

    @extend_schema(
        operation_id="recordFeatureUsage",
        summary="Record Feature Usage",
        tags=TAGS,
        request=FeatureUsageCreateSerializer,
        responses={201: FeatureUsageSerializer},
    )
    def record_use(self, request: Request) -> Response:
        """Notes that a version of a model uses a version of a feature."""
        fields = validated(FeatureUsageCreateSerializer, request)
        feature = Feature.objects.find(fields.pop("feature_name"))
        use = feature.record_use(**fields, by=actor(request))
        return created(FeatureUsageSerializer(use).data)

    def _shown(self, feature: Feature) -> Any:
        """Return the answer of a feature, read anew with all that it shows."""
        whole = Feature.objects.with_details().get(pk=feature.pk)
        formulas.compute(whole)
        return FeatureSerializer(whole).data
