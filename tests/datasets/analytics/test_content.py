"""The digest of what a table says: the same for the same cells, else another."""

import datetime as dt
from decimal import Decimal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.analytics import content as contents
from datasets.analytics.content import BLOCK_ROWS, Content, content
from datasets.analytics.sql import TableColumn

EVERY_TYPE = (
    "1::TINYINT a, 2::UBIGINT b, 1.5::FLOAT d, 'x' e, uuid() f, INTERVAL 3 DAY h,"
    " 'ab'::BLOB i, [1, NULL] j, {'a': 1, 'b': [NULL, 'x']} k, MAP{'a': 1} l,"
    " TIME '01:02:03.5' m, TIMESTAMP '2020-01-01' n, true aa, '{}'::JSON cc,"
    " TIMESTAMP_MS '2020-01-01' p, TIMESTAMP_NS '2020-01-01 00:00:00.123456789' q,"
    " TIMESTAMPTZ '2020-01-01 00:00:00+09' r, 1.5::DECIMAL(4,1) t, NULL dd,"
    " DATE '2020-01-01' v, 'infinity'::DATE w, TIMETZ '01:02:03+09' y,"
    " '01:02:03.123456789'::TIME_NS z"
)


def digest_of(path):
    with duckdb.connect() as database:
        rows = database.execute(
            "DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)}
        ).fetchall()
    return content(path, [TableColumn(row[0], row[1]) for row in rows]).digest


@pytest.fixture
def digest(tmp_path):
    """Write an Arrow table as Parquet and return the digest of its content."""

    def write(table, **options):
        path = tmp_path / "table.parquet"
        pq.write_table(table, path, **options)
        return digest_of(path)

    return write


def column(values, kind=None, name="x"):
    return pa.table({name: pa.array(values, kind)})


def test_every_difference_that_a_reader_sees_is_another_digest(digest):
    tables = [
        column(["a", ""]),
        column(["a", None]),
        column(["", "a"]),
        column(["a", "", ""]),
        column(["a", ""], name="y"),
        column([b"a", b""]),
        column([1, 2]),
        column([1, 2], pa.int32()),
        column([1.0, 2.0]),
        column([0.0, 2.0]),
        column([-0.0, 2.0]),
        column([float("nan"), 2.0]),
        column([None, 2.0]),
        column([Decimal("1.0"), Decimal("2.0")]),
        column([Decimal("1.00"), Decimal("2.00")]),
        column([True, False]),
        column([True, None]),
        column([[1], [2]]),
        column([[1, 2], []]),
        column([[1, 2], None]),
        column([{"a": 1}, {"a": None}]),
        column([{"a": 1}, None], pa.struct([("a", pa.int64())])),
        column([1, None], pa.timestamp("us")),
        column([1, None], pa.timestamp("ns")),
        column([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None]),
        pa.table({"x": [1, 2], "y": [3, 4]}),
        pa.table({"y": [3, 4], "x": [1, 2]}),
        pa.table({"x": ["ab", "c"], "y": ["d", "e"]}),
        pa.table({"x": ["a", "bc"], "y": ["d", "e"]}),
    ]

    assert len({digest(table) for table in tables}) == len(tables)


def test_the_bits_of_what_is_no_number_make_no_difference(digest):
    bits = np.array([0x7FF8000000000000, 0x7FF8000000000001, 0xFFF8000000000000], "u8")

    one, *others = (column([1.0, value]) for value in bits.view("f8"))

    assert {digest(one)} == {digest(other) for other in others}


@pytest.mark.parametrize("rows", [1, BLOCK_ROWS, 2 * BLOCK_ROWS + 77])
def test_how_a_file_packs_its_rows_makes_no_difference(digest, rows):
    numbers = np.random.default_rng(3).integers(0, 50, rows)
    table = pa.table(
        {
            "n": pa.array(numbers, mask=numbers == 7),
            "s": pa.array([f"v{n}" if n % 5 else None for n in numbers]),
            "b": numbers > 25,
            "l": pa.array([[int(n)] * (n % 3) for n in numbers]),
        }
    )

    packed = {
        digest(table, row_group_size=size, compression=codec, use_dictionary=words)
        for size, codec, words in [
            (1_000_000, "zstd", True),
            (2_048, "none", False),
            (777, "snappy", True),
        ]
    }

    assert len(packed) == 1


def test_every_type_has_a_digest_that_a_copy_has_as_well(tmp_path):
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT {EVERY_TYPE} FROM range(3000)) TO '{one}' (FORMAT parquet)"
        )
        database.execute(
            f"COPY (FROM '{one}') TO '{other}' (FORMAT parquet, COMPRESSION zstd,"
            " ROW_GROUP_SIZE 2048)"
        )

    assert digest_of(one) == digest_of(other)


CELLS = st.one_of(st.none(), st.sampled_from(["", "a", "bc"]), st.text(max_size=4))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(CELLS, st.none() | st.integers(-9, 9)), max_size=30),
    begin=st.integers(0, 9),
)
def test_a_block_is_hashed_by_its_cells_and_not_by_where_arrow_has_them(rows, begin):
    kinds = pa.schema([("s", pa.string()), ("n", pa.int64())])
    records = [{"s": s, "n": n} for s, n in rows]
    above = [{"s": "above", "n": None}] * begin
    plain = pa.RecordBatch.from_pylist(records, kinds)
    cut = pa.RecordBatch.from_pylist([*above, *records, *above], kinds)

    one = contents._block_digest(plain)
    other = contents._block_digest(cut.slice(begin, len(rows)))

    assert one == other


def test_the_digest_of_a_table_is_made_of_those_of_its_blocks(tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(column(list(range(BLOCK_ROWS + 5))), path)
    columns = (TableColumn("x", "BIGINT"),)

    whole = content(path, columns)
    pq.write_table(column(list(range(BLOCK_ROWS))), path)
    first = content(path, columns)

    assert whole.blocks[:1] == first.blocks
    assert Content(columns, whole.rows, whole.blocks).digest == whole.digest
    assert whole.digest != first.digest
