"""What changed between two schemas."""

import pytest

from datasets.analytics import schema
from datasets.analytics.sql import TableColumn


def table(**types):
    return [TableColumn(name, kind) for name, kind in types.items()]


def test_columns_come_in_file_order(parquet):
    found = schema.columns(parquet("SELECT 1 AS b, 'x' AS a"))

    assert found == (TableColumn("b", "INTEGER"), TableColumn("a", "VARCHAR"))


def test_a_diff_says_what_a_reader_must_know():
    before = table(a="INTEGER", b="VARCHAR", c="DATE")
    after = table(b="VARCHAR", a="BIGINT", d="DATE")

    found = schema.diff(before, after)

    assert [column.name for column in found.added] == ["d"]
    assert [column.name for column in found.removed] == ["c"]
    assert [(change.name, change.widened) for change in found.retyped] == [("a", True)]
    assert found.reordered
    assert not found.is_empty


def test_nothing_changed():
    assert schema.diff(table(a="DATE"), table(a="DATE")).is_empty


@pytest.mark.parametrize(
    ("before", "after", "widened"),
    [
        ("INTEGER", "DOUBLE", True),
        ("BIGINT", "DOUBLE", False),
        ("DOUBLE", "BIGINT", False),
        ("DATE", "TIMESTAMP", True),
        ("BOOLEAN", "VARCHAR", True),
        ("VARCHAR", "BOOLEAN", False),
        ("FLOAT", "DOUBLE", True),
    ],
)
def test_widening_loses_no_value(before, after, widened):
    (change,) = schema.diff(table(x=before), table(x=after)).retyped

    assert change.widened is widened
