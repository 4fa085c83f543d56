"""SQL of people: what is asked, and the answer."""

from typing import Any

from rest_framework import serializers

from datasets.analytics.console import MAX_SQL, TABLE_NAME, Form, RowOrder
from datasets.analytics.rows import MAX_ROWS
from datasets.serializers.exploration import (
    AboutVersionSerializer,
    TablePageSerializer,
)
from datasets.sql_console import OWN_TABLE
from mlops.core.fields import Text, Whole
from mlops.core.serializers import StrictSerializer

MAX_TABLES = 10
MAX_SQL_OFFSET = 1_000_000


class TableFieldSerializer(StrictSerializer):
    """A version of a dataset that the statement calls by a name."""

    dataset = Text(max_length=200, help_text="Its id or name.")
    version = Text(
        default="latest", max_length=80, help_text="As the version of the dataset."
    )

    class Meta:
        ref_name = "SqlTable"


class TablesField(serializers.DictField):
    child = TableFieldSerializer()

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        if len(found) > MAX_TABLES:
            raise serializers.ValidationError(f"More than {MAX_TABLES} tables.")
        names = [OWN_TABLE, *(name.lower() for name in found)]
        for name in names:
            if not TABLE_NAME.fullmatch(name) or name.startswith("__"):
                raise serializers.ValidationError(
                    f"A table cannot be called {name[:80]!r}: letters, digits and _."
                )
            if names.count(name) > 1:
                raise serializers.ValidationError(f"Two tables are called {name!r}.")
        return found


class SqlStatementSerializer(StrictSerializer):
    """One SELECT over the version, as table `data`, and over versions named here."""

    sql = Text(
        max_length=MAX_SQL,
        trim_whitespace=False,
        help_text="One SELECT of DuckDB. It is kept in the audit trail.",
    )
    version = Text(default="latest", max_length=80)
    tables = TablesField(
        required=False,
        help_text="More tables by name: "
        '`{"a": {"dataset": "prices", "version": "3"}}`.',
    )


class SqlPageRequestSerializer(SqlStatementSerializer):
    offset = Whole(default=0, min_value=0, max_value=MAX_SQL_OFFSET)
    limit = Whole(default=100, min_value=1, max_value=MAX_ROWS)


class SqlExportRequestSerializer(SqlStatementSerializer):
    format = serializers.ChoiceField(
        [Form.PARQUET.value, Form.ARROW.value], default=Form.PARQUET.value
    )


class SqlTableVersionSerializer(AboutVersionSerializer):
    pass


class SqlResultSerializer(TablePageSerializer):
    tables = serializers.DictField(
        child=SqlTableVersionSerializer(),
        help_text="What each table was, `data` among them.",
    )
    row_count = serializers.IntegerField(
        allow_null=True,
        help_text="Of the whole result; null where its end was not seen.",
    )
    has_more = serializers.BooleanField(help_text="Whether rows follow this page.")
    row_order = serializers.ChoiceField(
        [item.value for item in RowOrder],
        help_text="`total`: no two different rows are equal in what they are ordered "
        "by, so pages part the result. `ties`: some are. `none`: no ORDER BY, so rows "
        "may come otherwise next time. `unchecked`: by no columns of the result.",
    )
