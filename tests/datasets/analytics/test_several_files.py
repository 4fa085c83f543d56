"""Several files of different types: one type that holds them all, or a refusal."""

import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics.errors import IngestRefused
from tests.datasets.analytics.reading import read


def parquet(values, kind=None):
    file = io.BytesIO()
    pq.write_table(pa.table({"x": pa.array(values, kind)}), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("files", "kind", "kept"),
    [
        ([([1, 2], None), ([1.5], None)], "DOUBLE", ["1.0", "2.0", "1.5"]),
        ([([None], pa.null()), (["a"], None)], "VARCHAR", [None, "a"]),
        ([([1], pa.int32()), ([2**40], None)], "BIGINT", ["1", str(2**40)]),
        (
            [([2**64 - 1], pa.uint64()), ([-1], None)],
            "DECIMAL(38,0)",
            [str(2**64 - 1), "-1"],
        ),
        ([([0.5], pa.float32()), ([0.1], None)], "DOUBLE", ["0.5", "0.1"]),
        (
            [([Decimal("1.50")], pa.decimal128(5, 2)), ([3], None)],
            "DECIMAL(21,2)",
            ["1.50", "3.00"],
        ),
        (
            [([1], pa.timestamp("us")), ([1], pa.timestamp("ns"))],
            "TIMESTAMP_NS",
            ["1970-01-01 00:00:00.000001", "1970-01-01 00:00:00.000000001"],
        ),
        (
            [([0], pa.date32()), ([1], pa.timestamp("ms"))],
            "TIMESTAMP",
            ["1970-01-01 00:00:00", "1970-01-01 00:00:00.001"],
        ),
    ],
)
def test_the_common_type_holds_every_value(tmp_path, files, kind, kept):
    table = read(tmp_path, *(parquet(*file) for file in files), name="a.parquet")

    assert table.types == {"x": kind}
    assert table.column() == kept


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([(["a"], None), ([1], None)], r"BIGINT in '1_a\.parquet' and VARCHAR in '0_a"),
        ([([[1]], None), ([[1.5]], None)], r"DOUBLE\[\] in '1_a\.parquet'"),
        (
            [([1.5, None], None), ([None, 7, 2**53 + 1], None)],
            (
                r"BIGINT in '1_a\.parquet' and DOUBLE in '0_a\.parquet': their common type"
                r" DOUBLE would change 9007199254740993 in row 3 of the first\."
            ),
        ),
        (
            [
                ([19880899200000000], pa.timestamp("us")),
                ([1], pa.timestamp("ns")),
            ],
            r"TIMESTAMP_NS would change 2600-01-01 00:00:00 in row 1 of the first\.",
        ),
    ],
)
def test_types_without_a_common_one_are_refused_by_file_and_column(
    tmp_path, files, words
):
    with pytest.raises(IngestRefused, match=words):
        read(tmp_path, *(parquet(*file) for file in files), name="a.parquet")


def test_decimals_of_more_than_38_digits_stay_exact(tmp_path):
    value = "123456789012345678901234567890123456789012345.25"
    body = parquet([Decimal(value), None], pa.decimal256(50, 2))

    table = read(tmp_path, body, name="a.parquet")

    assert table.column() == [value, None]
    assert "more than 38 digits" in table.report["notes"][0]


def test_files_of_other_dialects_follow_each_other_in_order(tmp_path):
    half = 60_000
    first = "x,t\n" + "".join(f"{i},r{i}\n" for i in range(half))
    second = "t,x\n" + "".join(f"r{i},{i}\n" for i in range(half, 2 * half))

    table = read(tmp_path, first, second)

    assert table.column(0) == [str(i) for i in range(2 * half)]
    assert table.column(1) == [f"r{i}" for i in range(2 * half)]
