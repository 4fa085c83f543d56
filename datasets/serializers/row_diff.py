"""The row diff of two versions, as asked for and as answered."""

from typing import Any, ClassVar

from rest_framework import serializers

from datasets.analytics.row_diff import MAX_KEYS, RowChange
from datasets.analytics.rows import MAX_ROWS
from datasets.serializers.exploration import DatasetColumnSerializer
from datasets.serializers.queries import (
    MAX_OFFSET,
    ColumnNameList,
    ColumnsQuerySerializer,
)
from mlops.core.serializers import AnswerSerializer

CHANGES = [item.value for item in RowChange]


class RowDiffQuerySerializer(ColumnsQuerySerializer):
    key = ColumnNameList(
        max_length=MAX_KEYS,
        help_text="The columns that name a row in both versions, as in `columns`.",
    )
    change = serializers.MultipleChoiceField(
        choices=CHANGES,
        required=False,
        help_text="Rows of these kinds only; counts are of all.",
    )
    offset = serializers.IntegerField(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_ROWS)

    def get_fields(self) -> dict[str, Any]:
        # "with" is a word of Python, and the name in the contract.
        other = serializers.CharField(
            max_length=80, help_text="The earlier version, as `version`."
        )
        return {**super().get_fields(), "with": other}


class RetypedDiffColumnSerializer(AnswerSerializer):
    name = serializers.CharField()
    before = serializers.CharField()
    after = serializers.CharField()


class RowsAsideSerializer(AnswerSerializer):
    """Rows of one version that nothing could be matched with for certain."""

    missing_keys = serializers.IntegerField(help_text="Rows with a part of it missing.")
    repeated_keys = serializers.IntegerField()
    repeated_rows = serializers.IntegerField(help_text="The rows that have them.")
    examples = serializers.ListField(child=serializers.DictField())


class DiffRowSerializer(AnswerSerializer):
    absent_when_unknown: ClassVar[frozenset[str]] = frozenset({"before", "after"})

    change = serializers.ChoiceField(CHANGES)
    columns = serializers.ListField(
        child=serializers.CharField(), help_text="The columns that changed."
    )
    before = serializers.DictField(help_text="Absent of an added row.")
    after = serializers.DictField(help_text="Absent of a deleted row.")


class RowDiffSerializer(AnswerSerializer):
    dataset_id = serializers.CharField()
    version = serializers.IntegerField(help_text="The later one.")
    compared_with = serializers.IntegerField()
    key = serializers.ListField(child=serializers.CharField())
    compared = serializers.ListField(
        child=serializers.CharField(), help_text="Columns whose cells were compared."
    )
    added_columns = DatasetColumnSerializer(many=True)
    removed_columns = DatasetColumnSerializer(many=True)
    retyped_columns = RetypedDiffColumnSerializer(many=True)
    not_compared = serializers.ListField(
        child=serializers.CharField(),
        help_text="Columns of both of which no type holds the values of both.",
    )
    added = serializers.IntegerField()
    deleted = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    changed_cells = serializers.DictField(child=serializers.IntegerField())
    before = RowsAsideSerializer()
    after = RowsAsideSerializer()
    beside = serializers.IntegerField(
        help_text="Rows that were not matched, as their key repeats in the other "
        "version."
    )
    row_count = serializers.IntegerField(help_text="Rows that can be paged through.")
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()
    rows = DiffRowSerializer(many=True)
