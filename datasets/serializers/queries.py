"""What may be asked in a query string; a bad value is a 400 that names it."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request

from datasets.analytics.filters import MAX_CONDITIONS, Condition, Operator, Order
from datasets.analytics.rows import MAX_ROWS, Method, Window
from datasets.serializers.dataset import WordList
from mlops.core.errors import BadQuery
from mlops.core.fields import Text, Whole
from mlops.core.serializers import StrictSerializer

MAX_OFFSET = 2**53
MAX_ORDERS = 8
MAX_NAMES = 200
MAX_COLUMNS = 2000
EXPORT_FORMATS = ("csv", "parquet", "arrow", "jsonl")


class VersionQuery(StrictSerializer):
    version = serializers.CharField(
        required=False,
        default="latest",
        max_length=80,
        help_text='"latest", a number, or (the first 8 or more digits of) a digest.',
    )


class ColumnsQuery(VersionQuery):
    columns = WordList(
        required=False,
        max_length=MAX_NAMES,
        help_text="Column names: the parameter repeated, or one text with commas.",
    )


class SampleQuery(ColumnsQuery):
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_ROWS)
    method = serializers.ChoiceField([item.value for item in Method], default="first")
    seed = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=2**31 - 1,
        help_text="The same seed gives the same random rows.",
    )
    by = serializers.CharField(
        required=False,
        max_length=255,
        help_text="The column of a stratified sample.",
    )


class PageQuery(ColumnsQuery):
    offset = serializers.IntegerField(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_ROWS)
    order_by = WordList(
        required=False,
        max_length=MAX_ORDERS,
        help_text="Column names, each with a minus before it for descending order.",
    )


class SearchQuery(PageQuery):
    q = serializers.CharField(
        max_length=200, trim_whitespace=False, help_text="A text, in any letter case."
    )


class DetailQuery(StrictSerializer):
    sample_limit = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_ROWS
    )


class StatisticsQuery(ColumnsQuery):
    pass


class CorrelationQuery(ColumnsQuery):
    method = serializers.ChoiceField(["pearson", "spearman"], default="pearson")


class ExportQuery(ColumnsQuery):
    format = serializers.ChoiceField(EXPORT_FORMATS, default="csv")


class CompareQuery(VersionQuery):
    def get_fields(self) -> dict[str, Any]:
        # "with" is a word of Python, and the name in the contract.
        other = serializers.CharField(
            max_length=80, help_text="The version to compare with, as `version`."
        )
        return {**super().get_fields(), "with": other}


class DriftQuery(StrictSerializer):
    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python.
        reference = serializers.CharField(
            max_length=80, help_text="The version that is the norm."
        )
        current = serializers.CharField(
            default="latest", max_length=80, help_text="The version that is judged."
        )
        return {**super().get_fields(), "from": reference, "to": current}


class ConditionField(StrictSerializer):
    column = Text(max_length=1000, trim_whitespace=False)
    operator = serializers.ChoiceField([(item.value, item.name) for item in Operator])
    value = serializers.JSONField(required=False, allow_null=True)

    class Meta:
        ref_name = "FilterCondition"


class FilterBody(StrictSerializer):
    """Conditions that must all hold."""

    conditions = serializers.ListField(
        child=ConditionField(), max_length=MAX_CONDITIONS
    )
    columns = serializers.ListField(
        child=Text(max_length=1000, trim_whitespace=False),
        required=False,
        max_length=MAX_COLUMNS,
    )
    order_by = serializers.ListField(
        child=Text(max_length=1001), required=False, max_length=MAX_ORDERS
    )
    offset = Whole(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = Whole(default=100, min_value=1, max_value=MAX_ROWS)
    version = Text(default="latest", max_length=80)


def asked(query: type[StrictSerializer], request: Request) -> dict[str, Any]:
    """Return the query string as the serializer reads it. Raises BadQuery (400)."""
    reader = query(data=request.query_params)
    if not reader.is_valid():
        name, problem = next(iter(reader.errors.items()))
        raise BadQuery(_first(problem), field=name)
    found: dict[str, Any] = reader.validated_data
    return found


def window_of(fields: dict[str, Any]) -> Window:
    """Return the stretch of rows that a query or a body asks for."""
    return Window(
        offset=fields.get("offset", 0),
        limit=fields["limit"],
        columns=fields.get("columns") or None,
        order_by=[_order(text) for text in fields.get("order_by") or []],
    )


def conditions_of(fields: dict[str, Any]) -> list[Condition]:
    return [
        Condition(item["column"], Operator(item["operator"]), item.get("value"))
        for item in fields["conditions"]
    ]


def _order(text: str) -> Order:
    return Order(text.removeprefix("-"), descending=text.startswith("-"))


def _first(problem: Any) -> str:
    while isinstance(problem, dict | list):
        parts = problem.values() if isinstance(problem, dict) else problem
        problem = next(iter(parts))
    return str(problem)
