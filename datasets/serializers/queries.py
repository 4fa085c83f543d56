"""What may be asked in a query string; a bad value is a 400 that names it."""

from collections.abc import Container, Iterable
from typing import Any

import orjson
from rest_framework import serializers
from rest_framework.request import Request as HttpRequest

from datasets.analytics.export import ExportFormat, Request
from datasets.analytics.filters import MAX_CONDITIONS, Condition, Operator, Order
from datasets.analytics.rows import MAX_ROWS, SampleMethod, Window
from datasets.serializers.dataset_requests import WordList
from mlops.core.errors import BadQuery
from mlops.core.fields import Text, Truth, Whole
from mlops.core.serializers import StrictSerializer

MAX_OFFSET = 2**53
MAX_SEED = 2 * 10**9
MAX_ORDERS = 8
MAX_NAMES = 200
MAX_COLUMNS = 2000
EXPORT_FORMATS = [item.value for item in ExportFormat]
MAX_CONDITIONS_TEXT = 20_000


class VersionQuerySerializer(StrictSerializer):
    version = serializers.CharField(
        required=False,
        default="latest",
        max_length=80,
        help_text='"latest", a number, or (the first 8 or more digits of) a digest.',
    )


class CommaSeparated(list[str]):
    """The parts of one text with commas, and that text: it may be one name."""

    def __init__(self, parts: Iterable[str], whole: str) -> None:
        super().__init__(parts)
        self.whole = whole


class ColumnNameList(WordList):
    """Column names, some of which may hold commas."""

    def to_internal_value(self, data: Any) -> list[Any]:
        found = super().to_internal_value(data)
        if isinstance(data, list) and len(data) == 1 and "," in data[0]:
            return CommaSeparated(found, data[0])
        return found


class ColumnsQuerySerializer(VersionQuerySerializer):
    columns = ColumnNameList(
        required=False,
        max_length=MAX_NAMES,
        help_text="Column names: the parameter repeated, or one text with commas, "
        "which is one name where the version has a column of it.",
    )


class ConditionFieldSerializer(StrictSerializer):
    column = Text(max_length=1000, trim_whitespace=False)
    operator = serializers.ChoiceField([(item.value, item.name) for item in Operator])
    value = serializers.JSONField(required=False, allow_null=True)

    class Meta:
        ref_name = "FilterCondition"


class ConditionsText(serializers.CharField):
    """Conditions as in the body of a filter, written as JSON in a query string."""

    def __init__(self, **options: Any) -> None:
        options = {"required": False, "max_length": MAX_CONDITIONS_TEXT, **options}
        super().__init__(
            help_text="As in the body of a filter, written as JSON: "
            '`[{"column": "price", "operator": "ge", "value": 11}]`. All must hold.',
            **options,
        )

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        try:
            found = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise serializers.ValidationError("This is not valid JSON.") from None
        child = serializers.ListField(
            child=ConditionFieldSerializer(), max_length=MAX_CONDITIONS
        )
        return child.run_validation(found)


class SampleQuerySerializer(ColumnsQuerySerializer):
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_ROWS)
    method = serializers.ChoiceField(
        [item.value for item in SampleMethod], default="first"
    )
    seed = serializers.IntegerField(
        default=0,
        min_value=0,
        max_value=MAX_SEED,
        help_text="The same seed gives the same random rows.",
    )
    by = serializers.CharField(
        required=False,
        max_length=255,
        help_text="The column of a stratified sample.",
    )


class PageQuerySerializer(ColumnsQuerySerializer):
    offset = serializers.IntegerField(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=MAX_ROWS)
    order_by = ColumnNameList(
        required=False,
        max_length=MAX_ORDERS,
        help_text="Column names as in `columns`, each with a minus before it for "
        "descending order; a column whose name begins with one is meant first.",
    )


class SearchQuerySerializer(PageQuerySerializer):
    q = serializers.CharField(
        max_length=200, trim_whitespace=False, help_text="A text, in any letter case."
    )
    conditions = ConditionsText()


class CellQuerySerializer(VersionQuerySerializer):
    row = serializers.IntegerField(
        min_value=0,
        max_value=MAX_OFFSET,
        help_text="The position of the row in the version, from 0: a number of "
        "`row_numbers`.",
    )
    column = serializers.CharField(
        max_length=1000, trim_whitespace=False, help_text="The column, by its name."
    )


class DetailQuerySerializer(StrictSerializer):
    sample_limit = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_ROWS
    )


class StatisticsQuerySerializer(ColumnsQuerySerializer):
    conditions = ConditionsText()


class AssociationsQuerySerializer(ColumnsQuerySerializer):
    pass


class FilterQuerySerializer(PageQuerySerializer):
    """A filter as a link."""

    conditions = ConditionsText(required=True)


class CorrelationQuerySerializer(ColumnsQuerySerializer):
    method = serializers.ChoiceField(["pearson", "spearman"], default="pearson")


EXACT = (
    "Only of CSV. False: text that a spreadsheet would run gets a `'` before it; "
    "`X-Export-Guarded` and `X-Export-Changed-Cells` say so. True: cells as they are."
)


class ExportQuerySerializer(ColumnsQuerySerializer):
    format = serializers.ChoiceField(EXPORT_FORMATS, default="csv")
    conditions = ConditionsText()
    exact = serializers.BooleanField(default=False, help_text=EXACT)


class ExportOptionsQuerySerializer(ColumnsQuerySerializer):
    format = serializers.ChoiceField(EXPORT_FORMATS, default="csv")


class CompareQuerySerializer(VersionQuerySerializer):
    def get_fields(self) -> dict[str, Any]:
        # "with" is a word of Python, and the name in the contract.
        other = serializers.CharField(
            max_length=80, help_text="The version to compare with, as `version`."
        )
        return {**super().get_fields(), "with": other}


class DriftQuerySerializer(StrictSerializer):
    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python.
        reference = serializers.CharField(
            max_length=80, help_text="The version that is the norm."
        )
        current = serializers.CharField(
            default="latest", max_length=80, help_text="The version that is judged."
        )
        return {**super().get_fields(), "from": reference, "to": current}


class SelectionBodySerializer(StrictSerializer):
    """Columns of the rows that meet all conditions."""

    conditions = serializers.ListField(
        child=ConditionFieldSerializer(), max_length=MAX_CONDITIONS
    )
    columns = serializers.ListField(
        child=Text(max_length=1000, trim_whitespace=False),
        required=False,
        max_length=MAX_COLUMNS,
    )
    version = Text(default="latest", max_length=80)


class ExportBodySerializer(SelectionBodySerializer):
    format = serializers.ChoiceField(EXPORT_FORMATS, default="csv")
    exact = Truth(default=False, help_text=EXACT)


class FilterBodySerializer(SelectionBodySerializer):
    """Conditions that must all hold."""

    order_by = serializers.ListField(
        child=Text(max_length=1001), required=False, max_length=MAX_ORDERS
    )
    offset = Whole(default=0, min_value=0, max_value=MAX_OFFSET)
    limit = Whole(default=100, min_value=1, max_value=MAX_ROWS)


def validated_query(
    query: type[StrictSerializer], request: HttpRequest
) -> dict[str, Any]:
    """Return the query string as the serializer reads it. Raises BadQuery (400)."""
    for name, values in request.query_params.lists():
        if "" in values:
            raise BadQuery(f"{name} must not be empty.", field=name)
    reader = query(data=request.query_params)
    if not reader.is_valid():
        name, problem = next(iter(reader.errors.items()))
        raise BadQuery(_first(problem), field=name)
    found: dict[str, Any] = reader.validated_data
    return found


def window_of(fields: dict[str, Any], names: Container[str] = ()) -> Window:
    """Return the stretch of rows that a query or a body asks for.

    `names` are the columns that there are, where a text could mean two things.
    """
    return Window(
        offset=fields.get("offset", 0),
        limit=fields["limit"],
        columns=fields.get("columns") or None,
        order_by=[order_of(text, names) for text in fields.get("order_by") or []],
    )


def is_ambiguous(fields: dict[str, Any]) -> bool:
    """Whether one has to know the columns' names to read `columns` or `order_by`."""
    orders = fields.get("order_by") or []
    given = (fields.get("columns"), orders)
    is_split = any(isinstance(words, CommaSeparated) for words in given)
    return is_split or any(text.startswith("-") for text in orders)


def disambiguate(fields: dict[str, Any], names: Container[str]) -> None:
    """Take a text with commas for the one name that it is, in place."""
    for name in ("columns", "order_by"):
        words = fields.get(name)
        if isinstance(words, CommaSeparated) and (
            words.whole in names or words.whole.removeprefix("-") in names
        ):
            fields[name] = [words.whole]


def conditions_of(fields: dict[str, Any]) -> list[Condition]:
    return [
        Condition(item["column"], Operator(item["operator"]), item.get("value"))
        for item in fields.get("conditions") or ()
    ]


def export_of(fields: dict[str, Any]) -> Request:
    """Return what a query or a body wants to have as a file."""
    return Request(
        ExportFormat(fields["format"]),
        fields.get("columns") or None,
        conditions_of(fields),
        is_guarded=not fields.get("exact", False),
    )


def order_of(text: str, names: Container[str]) -> Order:
    if text in names:
        return Order(text)
    return Order(text.removeprefix("-"), descending=text.startswith("-"))


def _first(problem: Any) -> str:
    while isinstance(problem, dict | list):
        parts = problem.values() if isinstance(problem, dict) else problem
        problem = next(iter(parts))
    return str(problem)
