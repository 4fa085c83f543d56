"""Which rows differ between two versions of a dataset."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from datasets import row_diffs
from datasets.analytics.row_diff import DiffPage, RowChange
from datasets.serializers.queries import CommaSeparated, validated_query
from datasets.serializers.row_diff import RowDiffQuerySerializer, RowDiffSerializer
from datasets.viewsets.base import TAGS, DatasetBase
from mlops.core.throttling import AnalyticsThrottle


class RowDiffViewSet(DatasetBase):
    """The rows of one version beside those of another."""

    throttle_classes = [*DatasetBase.throttle_classes, AnalyticsThrottle]
    takes_keys = False
    action_permissions = {"row_diff": "view"}

    @extend_schema(
        operation_id="diffDatasetVersions",
        summary="Diff Dataset Versions",
        tags=TAGS,
        parameters=[RowDiffQuerySerializer],
        responses=RowDiffSerializer,
    )
    def row_diff(self, request: Request, dataset_id: str) -> Response:
        """Return the rows that were added, deleted or changed from `with` to `version`.

        Rows are matched by a key of one or more columns, and come in its order. Rows
        whose key is missing or repeats are counted and set aside.
        """
        query = validated_query(RowDiffQuerySerializer, request)
        dataset = self.dataset()
        later = self.version(dataset, query["version"])
        earlier = self.version(dataset, query["with"], field="with")
        names = later.column_names
        for field in ("key", "columns"):
            words = query.get(field)
            if isinstance(words, CommaSeparated) and words.whole in names:
                query[field] = [words.whole]
        changes = frozenset(map(RowChange, query.get("change") or RowChange))
        window = DiffPage(query["offset"], query["limit"], changes)
        columns = query.get("columns") or None
        found = row_diffs.between(earlier, later, query["key"], columns, window)
        return Response(RowDiffSerializer(found).data)
