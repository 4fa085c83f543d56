"""Every answer with rows has one order: pages are a partition, exports repeat."""

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics import export, rows
from datasets.analytics.export import ExportFormat, Request
from datasets.analytics.filters import Condition, Operator
from datasets.analytics.quality import RuleKind, RuleSpec, evaluate
from datasets.analytics.rows import Window


def stream(table, kind, *arguments):
    return export.stream(table, Request(ExportFormat(kind), *arguments))


ROWS = 61_440
TABLE = (
    "SELECT i AS id, 'c' || (i % 20) AS cat, i % 31 + 1 AS day, i % 3 = 0 AS third"
    " FROM range({rows}) t(i)"
)


@pytest.fixture
def spread(parquet):
    """Give a table of three row groups, so that several threads read it."""
    return parquet(TABLE.format(rows=ROWS), row_group_size=20_480)


def ids(lines):
    return [int(line.split(",")[0]) for line in lines.decode().splitlines()[1:]]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "arrow", "parquet"])
def test_an_export_is_the_same_bytes_each_time(spread, kind):
    made = {
        hashlib.sha256(b"".join(stream(spread, kind, ["id", "cat"]))).digest()
        for _ in range(3)
    }

    assert len(made) == 1


def test_a_csv_export_has_the_order_of_the_file(spread):
    assert ids(b"".join(stream(spread, "csv"))) == list(range(ROWS))


@pytest.mark.parametrize("kind", ["csv", "arrow", "parquet"])
def test_an_export_of_a_long_list_has_the_order_of_the_file(spread, kind):
    wanted = Condition("cat", Operator.IN, [f"c{number}" for number in range(8)])

    body = b"".join(stream(spread, kind, None, [wanted]))

    match kind:
        case "csv":
            found = ids(body)
        case "arrow":
            found = pa.ipc.open_stream(body).read_all()["id"].to_pylist()
        case _:
            found = pq.read_table(io.BytesIO(body))["id"].to_pylist()
    assert found == [number for number in range(ROWS) if number % 20 < 8]


def paged(table, conditions, limit=1_000, **window):
    found, offset = [], 0
    while True:
        page = rows.page(table, Window(offset, limit, **window), conditions)
        found += [row["id"] for row in page.rows]
        offset += limit
        if offset >= page.total:
            return found


@pytest.mark.parametrize(
    ("column", "values"),
    [("cat", [f"c{number}" for number in range(6)]), ("day", list(range(1, 9)))],
)
def test_pages_of_a_long_list_are_the_rows_in_the_order_of_the_file(
    spread, column, values
):
    found = paged(spread, [Condition(column, Operator.IN, values)])

    kept = {"cat": lambda i: i % 20 < 6, "day": lambda i: i % 31 < 8}[column]
    assert found == [number for number in range(ROWS) if kept(number)]


def test_examples_of_a_rule_are_the_first_rows_that_break_it(spread):
    rule = RuleSpec(RuleKind.SET, ("day",), {"values": [1, 2, 3, 4, 5, 6, 7, 8, 9]})

    (result,) = evaluate(spread, [rule]).results

    assert [example["row"] for example in result.examples] == list(range(9, 19))
