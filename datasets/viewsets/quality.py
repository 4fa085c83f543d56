"""Quality rules of a dataset, and the checks of its versions."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import checks, questions
from datasets.models import QualityRule, QualityRun
from datasets.serializers.quality import (
    QualityCheckRequestSerializer,
    QualityCheckSerializer,
    QualityRuleCreateSerializer,
    QualityRuleSerializer,
    QualityRuleSuggestionSerializer,
    QualityRuleUpdateSerializer,
)
from datasets.serializers.queries import VersionQuerySerializer, validated_query
from datasets.viewsets.base import TAGS, DatasetBase
from datasets.viewsets.datasets import ROUTE
from mlops.core.serializers import actor, validated
from mlops.core.throttling import AnalyticsThrottle, CheckThrottle
from mlops.core.viewsets import created


class QualityViewSet(DatasetBase):
    throttle_classes = [*DatasetBase.throttle_classes, CheckThrottle]
    permission_model = "datasets.qualityrule"
    action_permissions = {
        "history": "datasets.view_qualityrun",
        "check": "datasets.add_qualityrun",
    }
    atomic_actions = frozenset({"partial_update", "destroy"})

    def find_object(self) -> QualityRule:
        return QualityRule.objects.find(self.find_dataset(), self.kwargs["rule_id"])

    @extend_schema(
        operation_id="listQualityRules",
        summary="List Quality Rules",
        tags=TAGS,
        responses=QualityRuleSerializer(many=True),
    )
    def list(self, request: Request, dataset_id: str) -> Response:
        """Return the rules, oldest first."""
        page = self.paginate_queryset(self.dataset().rules.all())
        return self.get_paginated_response(QualityRuleSerializer(page, many=True).data)

    @extend_schema(
        operation_id="createQualityRule",
        summary="Create Quality Rule",
        tags=TAGS,
        request=QualityRuleCreateSerializer,
        responses={201: QualityRuleSerializer},
    )
    def create(self, request: Request, dataset_id: str) -> Response:
        """Add a rule; every new version is checked by it."""
        dataset = self.dataset()
        fields = validated(QualityRuleCreateSerializer, request)
        rule = QualityRule.add(dataset, by=actor(request), **fields)
        location = f"{ROUTE}/{dataset.pk}/rules/{rule.pk}"
        return created(QualityRuleSerializer(rule).data, location=location)

    @extend_schema(
        operation_id="getQualityRule",
        summary="Get Quality Rule",
        tags=TAGS,
        responses=QualityRuleSerializer,
    )
    def retrieve(self, request: Request, dataset_id: str, rule_id: str) -> Response:
        """Returns one rule of the dataset."""
        return Response(QualityRuleSerializer(self.get_object()).data)

    @extend_schema(
        operation_id="updateQualityRule",
        summary="Update Quality Rule",
        tags=TAGS,
        request=QualityRuleUpdateSerializer,
        responses=QualityRuleSerializer,
    )
    def partial_update(
        self, request: Request, dataset_id: str, rule_id: str
    ) -> Response:
        """Replaces what is given. What it found before stays as it was."""
        rule: QualityRule = self.get_object()
        fields = validated(QualityRuleUpdateSerializer, request)
        return Response(
            QualityRuleSerializer(rule.change(by=actor(request), **fields)).data
        )

    @extend_schema(
        operation_id="deleteQualityRule",
        summary="Delete Quality Rule",
        tags=TAGS,
        responses={204: None},
    )
    def destroy(self, request: Request, dataset_id: str, rule_id: str) -> Response:
        """Delete a rule; what it found stays in the history."""
        self.get_object().remove(by=actor(request))
        return Response(status=204)

    @extend_schema(
        operation_id="listQualityChecks",
        summary="List Quality Checks",
        tags=TAGS,
        responses=QualityCheckSerializer(many=True),
    )
    def history(self, request: Request, dataset_id: str) -> Response:
        """Return all checks of the dataset, newest first: the trend."""
        runs = QualityRun.objects.filter(version__dataset=self.dataset())
        page = self.paginate_queryset(runs.select_related("version", "created_by"))
        return self.get_paginated_response(QualityCheckSerializer(page, many=True).data)

    @extend_schema(
        operation_id="runQualityCheck",
        summary="Run Quality Check",
        tags=TAGS,
        request=QualityCheckRequestSerializer,
        responses={201: QualityCheckSerializer},
    )
    def check(self, request: Request, dataset_id: str) -> Response:
        """Check a version now, by the rules of now."""
        fields = validated(QualityCheckRequestSerializer, request)
        version = self.version(self.dataset(), fields["version"])
        return created(
            QualityCheckSerializer(checks.check(version, by=actor(request))).data
        )


class SuggestionViewSet(DatasetBase):
    """One list, as long as it is; it has no pages."""

    throttle_classes = [*DatasetBase.throttle_classes, AnalyticsThrottle]
    permission_model = "datasets.qualityrule"
    action_permissions = {"suggestions": "view"}
    pagination_class = None

    @extend_schema(
        operation_id="suggestQualityRules",
        summary="Suggest Quality Rules",
        tags=TAGS,
        parameters=[VersionQuerySerializer],
        responses=QualityRuleSuggestionSerializer(many=True),
    )
    def suggestions(self, request: Request, dataset_id: str) -> Response:
        """Return rules that the data itself suggests; nothing is stored as a rule."""
        query = validated_query(VersionQuerySerializer, request)
        version = self.version(self.dataset(), query["version"])
        return self.answer(request, questions.suggestions(version))
