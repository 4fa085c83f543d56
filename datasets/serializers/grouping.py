"""Groups and facets: what may be asked, and the answers."""

from typing import Any

import orjson
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from datasets.analytics.aggregates import Aggregate, Function
from datasets.analytics.facets import FACET_S, MAX_FACETS, MAX_VALUES, Wanted
from datasets.analytics.filters import MAX_CONDITIONS
from datasets.analytics.grouping import (
    MAX_AGGREGATES,
    MAX_GROUPS,
    MAX_KEYS,
    Grouping,
)
from datasets.analytics.search import MAX_QUERY
from datasets.serializers.exploration import (
    AboutVersion,
    ColumnAnswer,
    HistogramAnswer,
    TopValueAnswer,
)
from datasets.serializers.queries import (
    MAX_OFFSET,
    MAX_ORDERS,
    ConditionField,
    ConditionsText,
    NameList,
    VersionQuery,
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


class AggregateField(StrictSerializer):
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
        child = serializers.ListField(child=AggregateField(), max_length=MAX_AGGREGATES)
        return child.run_validation(found)


class GroupsQuery(VersionQuery):
    """Groups as a link."""

    by = NameList(
        required=False,
        max_length=MAX_KEYS,
        help_text="Columns: the parameter repeated, or one text with commas.",
    )
    aggregates = AggregatesText()
    conditions = ConditionsText()
    q = serializers.CharField(
        required=False, max_length=MAX_QUERY, trim_whitespace=False, help_text=SEARCHED
    )
    order_by = NameList(required=False, max_length=MAX_ORDERS, help_text=ORDERED)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_GROUPS)


class GroupsBody(StrictSerializer):
    """What to group by and what to compute, of rows that meet all conditions."""

    by = serializers.ListField(
        child=Text(max_length=1000, trim_whitespace=False),
        max_length=MAX_KEYS,
        help_text="Columns; without one, all rows are one group.",
    )
    aggregates = serializers.ListField(
        child=AggregateField(),
        required=False,
        max_length=MAX_AGGREGATES,
        help_text="The count of rows, if left out.",
    )
    conditions = serializers.ListField(
        child=ConditionField(), required=False, max_length=MAX_CONDITIONS
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


class FacetsQuery(VersionQuery):
    """Facets as a link."""

    columns = NameList(
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


class FacetsBody(StrictSerializer):
    """Columns of the rows that meet all conditions."""

    columns = serializers.ListField(
        child=Text(max_length=1000, trim_whitespace=False),
        required=False,
        max_length=MAX_FACETS,
    )
    conditions = serializers.ListField(
        child=ConditionField(), required=False, max_length=MAX_CONDITIONS
    )
    q = Text(
        required=False, max_length=MAX_QUERY, trim_whitespace=False, help_text=SEARCHED
    )
    top = Whole(default=10, min_value=1, max_value=MAX_VALUES)
    version = Text(default="latest", max_length=80)


@extend_schema_serializer(component_name="GroupFigure")
class FigureAnswer(ColumnAnswer):
    exact = serializers.BooleanField(
        help_text="False: computed in floating point, and rounded to a double."
    )


@extend_schema_serializer(component_name="DatasetGroup")
class GroupAnswer(AnswerSerializer):
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


@extend_schema_serializer(component_name="TruncatedGroupCell")
class TruncatedGroupCell(AnswerSerializer):
    group = serializers.IntegerField(help_text="The position in `groups`.")
    column = serializers.CharField()


@extend_schema_serializer(component_name="DatasetGroups")
class GroupsAnswer(AboutVersion):
    keys = ColumnAnswer(many=True)
    figures = FigureAnswer(many=True)
    groups = GroupAnswer(many=True)
    group_count = serializers.IntegerField(help_text="Of all groups; exact.")
    row_count = serializers.IntegerField(help_text="Of the rows in all groups; exact.")
    offset = serializers.IntegerField()
    limit = serializers.IntegerField()
    truncated_cells = TruncatedGroupCell(many=True, help_text="The first 100.")
    truncated_cell_count = serializers.IntegerField(
        help_text='Long texts, which end with "…" in `groups`.'
    )


@extend_schema_serializer(component_name="DatasetFacet")
class FacetAnswer(AnswerSerializer):
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
    values = TopValueAnswer(
        many=True, help_text="The most frequent ones, ties in their own order."
    )
    other_count = serializers.IntegerField(
        allow_null=True, help_text="Rows of the values that are not listed."
    )
    truncated_values = serializers.IntegerField(
        help_text='How many of `values` are cut, and end with "…".'
    )
    histogram = HistogramAnswer(
        allow_null=True, help_text="Of numbers, dates and times; finite values."
    )


@extend_schema_serializer(component_name="UnfinishedFacet")
class UnfinishedAnswer(AnswerSerializer):
    column = serializers.CharField()
    reason = serializers.CharField(
        help_text="query_timeout or too_large_for_interactive."
    )


@extend_schema_serializer(component_name="DatasetFacets")
class FacetsAnswer(AboutVersion):
    row_count = serializers.IntegerField(help_text="Of the rows that match; exact.")
    facets = FacetAnswer(many=True)
    unfinished = UnfinishedAnswer(
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


def wanted_of(fields: dict[str, Any]) -> Wanted:
    return Wanted(fields.get("columns") or None, fields["top"])
