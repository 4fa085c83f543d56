"""Groups and facets of one version."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import group_questions
from datasets.error_translation import translated_errors
from datasets.models import DatasetVersion
from datasets.serializers.grouping import (
    DatasetFacetsSerializer,
    DatasetGroupsSerializer,
    FacetsBodySerializer,
    FacetsQuerySerializer,
    GroupsBodySerializer,
    GroupsQuerySerializer,
    grouping_of,
    wanted_of,
)
from datasets.serializers.queries import CommaSeparated, conditions_of, validated_query
from datasets.stored_answers import joined
from datasets.viewsets.base import TAGS, DatasetBase, about
from mlops.core.schema.parameters import CACHED
from mlops.core.serializers import validated
from mlops.core.throttling import AnalyticsThrottle


class GroupingViewSet(DatasetBase):
    """What the rows of a version come to."""

    throttle_classes = [*DatasetBase.throttle_classes, AnalyticsThrottle]
    takes_keys = False
    action_permissions = {
        "groups": "view",
        "groups_link": "view",
        "facets": "view",
        "facets_link": "view",
    }

    @extend_schema(
        operation_id="groupDataset",
        summary="Group Dataset",
        tags=TAGS,
        request=GroupsBodySerializer,
        parameters=[CACHED],
        responses=DatasetGroupsSerializer,
    )
    def groups(self, request: Request, dataset_id: str) -> Response:
        """Return figures of groups of rows, one page in one order.

        Counts and sums of whole numbers and decimals are exact. NaN and infinities
        are left out of other figures, and counted in `left_out`.
        """
        return self._groups(request, validated(GroupsBodySerializer, request))

    @extend_schema(
        operation_id="getDatasetGroups",
        summary="Get Dataset Groups",
        tags=TAGS,
        parameters=[GroupsQuerySerializer],
        responses=DatasetGroupsSerializer,
    )
    def groups_link(self, request: Request, dataset_id: str) -> Response:
        """Return what the same question by POST does, at an address to share."""
        return self._groups(request, validated_query(GroupsQuerySerializer, request))

    @extend_schema(
        operation_id="facetDataset",
        summary="Facet Dataset",
        tags=TAGS,
        request=FacetsBodySerializer,
        responses=DatasetFacetsSerializer,
    )
    def facets(self, request: Request, dataset_id: str) -> Response:
        """Return top values and histograms of many columns, with exact counts."""
        return self._facets(validated(FacetsBodySerializer, request))

    @extend_schema(
        operation_id="getDatasetFacets",
        summary="Get Dataset Facets",
        tags=TAGS,
        parameters=[FacetsQuerySerializer],
        responses=DatasetFacetsSerializer,
    )
    def facets_link(self, request: Request, dataset_id: str) -> Response:
        """Return what the same question by POST does, at an address to share."""
        return self._facets(validated_query(FacetsQuerySerializer, request))

    def _groups(self, request: Request, fields: dict[str, Any]) -> Response:
        version = self._version_of(fields, "by")
        with translated_errors():
            grouping = grouping_of(fields)
        question = group_questions.groups(
            version, grouping, conditions_of(fields), fields.get("q", "")
        )
        return self.answer(request, question, about(version))

    def _facets(self, fields: dict[str, Any]) -> Response:
        version = self._version_of(fields, "columns")
        with translated_errors():
            wanted = wanted_of(fields)
        question = group_questions.facets_of(
            version, wanted, conditions_of(fields), fields.get("q", "")
        )
        # Without an ETag: a later answer may have had the time for more columns.
        return Response(joined(about(version), question.body()))

    def _version_of(self, fields: dict[str, Any], names: str) -> DatasetVersion:
        """Return the version; a text with commas may be the name of one column."""
        version = self.version(self.dataset(), fields["version"])
        words = fields.get(names)
        if isinstance(words, CommaSeparated) and words.whole in version.column_names:
            fields[names] = [words.whole]
        return version
