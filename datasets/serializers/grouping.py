"""Groups and facets: what may be asked, and the answers."""

from typing import Any

import orjson
from rest_framework import serializers

from datasets.analytics.aggregates import Aggregate, Function
from datasets.analytics.facets import FACET_S, MAX_FACETS, MAX_VALUES, FacetOptions
from datasets.analytics.filters import MAX_CONDITIONS
from datasets.analytics.grouping import (
    MAX_AGGREGATES,
    MAX_GROUPS,
    MAX_KEYS,
    Grouping,
)
from datasets.analytics.search import MAX_QUERY
from datasets.serializers.exploration import (
    AboutVersionSerializer,
    ColumnHistogramSerializer,
    DatasetColumnSerializer,
    TopValueSerializer,
)
from datasets.serializers.queries import (
    MAX_OFFSET,
    MAX_ORDERS,
    ColumnNameList,
    ConditionFieldSerializer,
    ConditionsText,
    VersionQuerySerializer,
    order_of,
)
from mlops.core.fields import FiniteNumberField, Text, Whole
from mlops.core.serializers import AnswerSerializer, StrictSerializer

MAX_AGGREGATES_TEXT = 20_000
SEARCHED = "Only rows where any cell holds this text, as in the search."
ORDERED = (
    "Names of keys and figures, each with a minus before it for descending order. "
    "The keys follow, so that there is one order."
)


class AggregateFieldSerializer(StrictSerializer):
    """One figure. Sums of whole numbers and decimals are exact."""

    function = serializers.ChoiceField([(item.value, item.name) for item in Function])
    column = Text(
        max_length=1000,
        trim_whitespace=False,
        required=False,
        help_text="Left out of a `count` of rows.",
    )
    fraction = FiniteNumberField(
        min_value=0, max_value=1, required=False, help_text="Of a quantile."
    )
    name = Text(
        max_length=200,
        required=False,
        help_text="In the answer; otherwise as in `sum(price)`.",
    )

    class Meta:
        ref_name = "GroupAggregate"


class AggregatesText(serializers.CharField):
    """Figures as in the body, written as JSON in a query string."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"required": False, "max_length": MAX_AGGREGATES_TEXT, **options},
            help_text="As in the body by POST, written as JSON: "
            '`[{"function": "sum", "column": "price"}]`.',
        )

    def to_internal_value(self, data: Any) -> Any:
        try:
            found = orjson.loads(super().to_internal_value(data))
        except orjson.JSONDecodeError:
            raise serializers.ValidationError("This is not valid JSON.") from None
        child = serializers.ListField(
            child=AggregateFieldSerializer(), max_length=MAX_AGGREGATES
        )
        return child.run_validation(found)


class GroupsQuerySerializer(VersionQuerySerializer):
    """Groups as a link."""

    by = ColumnNameList(
        required=False,
        max_length=MAX_KEYS,
        help_text="Columns: the parameter repeated, or one text with commas.",
    )
    aggregates = AggregatesText()
    conditions = ConditionsText()
    q = serializers.CharField(
        required=False, max_length=MAX_QUERY, trim_whitespace=False, help_text=SEARCHED
    )
    order_by = ColumnNameList(required=False, max_length=MAX_ORDERS, help_text=ORDERED)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_GROUPS)


class GroupsBodySerializer(StrictSerializer):
    """What to group by and what to compute, of rows that meet all conditions."""

    by = serializers.ListField(
        child=Text(max_length=1000, trim_whitespace=False),
        max_length=MAX_KEYS,
        help_text="Columns; without one, all rows are one group.",
    )
    aggregates = serializers.ListField(
        child=AggregateFieldSerializer(),
        required=False,
        max_length=MAX_AGGREGATES,
        help_text="The count of rows, if left out.",
    )
    conditions = serializers.ListField(
        child=ConditionFieldSerializer(), required=False, max_length=MAX_CONDITIONS
    )
    q = Text(
        required=False, max_length=MAX_QUERY, trim_whitespace=False, help_text=SEARCHED
    )
    order_by = serializers.ListField(
        child=Text(max_length=1001, trim_whitespace=False),
        required=False,
        max_length=MAX_ORDERS,
        help_text=ORDERED,
    )
    offset = Whole(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = Whole(default=100, min_value=1, max_value=MAX_GROUPS)
    version = Text(default="latest", max_length=80)


class FacetsQuerySerializer(VersionQuerySerializer):
    """Facets as a link."""

    columns = ColumnNameList(
        required=False,
        max_length=MAX_FACETS,
        help_text="Columns: the parameter repeated, or one text with commas. All of "
        f"them if left out, where there are at most {MAX_FACETS}.",
    )
    conditions = ConditionsText()
    q = serializers.CharField(
        required=False, max_length=MAX_QUERY, trim_whitespace=False, help_text=SEARCHED
    )
    top = serializers.IntegerField(default=10, min_value=1, max_value=MAX_VALUES)


class FacetsBodySerializer(StrictSerializer):
    """Columns of the rows that meet all conditions."""

    columns = serializers.ListField(
        child=Text(max_length=1000, trim_whitespace=False),
        required=False,
        max_length=MAX_FACETS,
    )
    conditions = serializers.ListField(
        child=ConditionFieldSerializer(), required=False, max_length=MAX_CONDITIONS
    )
    q = Text(
        required=False, max_length=MAX_QUERY, trim_whitespace=False, help_text=SEARCHED
    )
    top = Whole(default=10, min_value=1, max_value=MAX_VALUES)
    version = Text(default="latest", max_length=80)


class GroupFigureSerializer(DatasetColumnSerializer):
    exact = serializers.BooleanField(
        help_text="False: computed in floating point, and rounded to a double."
    )


class DatasetGroupSerializer(AnswerSerializer):
    key = serializers.DictField(help_text="By column; null is a missing value.")
    values = serializers.DictField(
        help_text="By name; null where there is no figure, as of no finite value."
    )
    left_out = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField()),
        help_text="By column: how many NaN and infinite values the figures leave out.",
    )
    overflowed = serializers.ListField(
        child=serializers.CharField(), help_text="Figures beyond a double's range."
    )


class TruncatedGroupCellSerializer(AnswerSerializer):
    group = serializers.IntegerField(help_text="The position in `groups`.")
    column = serializers.CharField()


class DatasetGroupsSerializer(AboutVersionSerializer):
    keys = DatasetColumnSerializer(many=True)
    figures = GroupFigureSerializer(many=True)
    groups = DatasetGroupSerializer(many=True)
    group_count = serializers.IntegerField(help_text="Of all groups; exact.")
    row_count = serializers.IntegerField(help_text="Of the rows in all groups; exact.")
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()
    truncated_cells = TruncatedGroupCellSerializer(
        many=True, help_text="The first 100."
    )
    truncated_cell_count = serializers.IntegerField(
        help_text='Long texts, which end with "…" in `groups`.'
    )


class DatasetFacetSerializer(AnswerSerializer):
    column = serializers.CharField()
    type = serializers.CharField()
    kind = serializers.CharField()
    count = serializers.IntegerField(help_text="Rows that have a value; NaN is one.")
    missing = serializers.IntegerField()
    nan = serializers.IntegerField()
    infinite = serializers.IntegerField()
    distinct = serializers.IntegerField(
        allow_null=True, help_text="Exact, NaN left out; null for nested and binary."
    )
    values = TopValueSerializer(
        many=True, help_text="The most frequent ones, ties in their own order."
    )
    other_count = serializers.IntegerField(
        allow_null=True, help_text="Rows of the values that are not listed."
    )
    truncated_values = serializers.IntegerField(
        help_text='How many of `values` are cut, and end with "…".'
    )
    histogram = ColumnHistogramSerializer(
        allow_null=True, help_text="Of numbers, dates and times; finite values."
    )


class UnfinishedFacetSerializer(AnswerSerializer):
    column = serializers.CharField()
    reason = serializers.CharField(
        help_text="query_timeout or too_large_for_interactive."
    )


class DatasetFacetsSerializer(AboutVersionSerializer):
    row_count = serializers.IntegerField(help_text="Of the rows that match; exact.")
    facets = DatasetFacetSerializer(many=True)
    unfinished = UnfinishedFacetSerializer(
        many=True, help_text=f"Columns that took more than {FACET_S:g} s."
    )


def grouping_of(fields: dict[str, Any]) -> Grouping:
    """Return what a query or a body asks for. Raises InvalidParameter."""
    figures = [
        Aggregate(
            Function(item["function"]),
            item.get("column"),
            item.get("fraction"),
            item.get("name", ""),
        )
        for item in fields.get("aggregates") or ()
    ] or [Aggregate(Function.COUNT)]
    by = list(dict.fromkeys(fields.get("by") or ()))
    names = {*by, *(figure.label for figure in figures)}
    return Grouping(
        by=by,
        figures=figures,
        order_by=[order_of(text, names) for text in fields.get("order_by") or ()],
        offset=fields["offset"],
        limit=fields["limit"],
    )


def wanted_of(fields: dict[str, Any]) -> FacetOptions:
    return FacetOptions(fields.get("columns") or None, fields["top"])
