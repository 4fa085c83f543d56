"""Every type that a file of Parquet may have: kept as it is, or said what it became."""

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics.errors import IngestRefused
from tests.datasets.analytics.reading import read

INSTANT = "TIMESTAMP WITH TIME ZONE"
TWO_US = "1970-01-01 00:00:00.000002+00"


def as_parquet(array):
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": array, "i": range(len(array))}), out)
    return out.getvalue().to_pybytes()


def zoned(*nanoseconds, unit="ns"):
    return pa.array([*nanoseconds, None], pa.timestamp(unit, "Europe/Berlin"))


@pytest.mark.parametrize(
    ("array", "kind", "texts"),
    [
        (zoned(2_000), INSTANT, [TWO_US, None]),
        (zoned(2, unit="us"), INSTANT, [TWO_US, None]),
        (zoned(), INSTANT, [None]),
        (zoned(-(2**63) // 1000 * 1000 + 1000), INSTANT, None),
        (pa.array([[], None], pa.list_(pa.null())), '"NULL"[]', ["[]", None]),
        (pa.array([[0], []], pa.list_(pa.timestamp("us"))), "TIMESTAMP[]", None),
        (pa.array([[0], []], pa.list_(pa.time64("us"))), "TIME[]", None),
        (
            pa.array([[0], []], pa.list_(pa.timestamp("us", "UTC"))),
            f"{INSTANT}[]",
            None,
        ),
        (pa.array([[1], []], pa.list_(pa.timestamp("ns", "UTC"))), None, None),
        (pa.array([[0], []], pa.list_(pa.date32())), "DATE[]", None),
        (pa.array(np.array([0.5], np.float16)), "FLOAT", ["0.5"]),
        (pa.array([b"abcd"], pa.binary(4)), "BLOB", ["abcd"]),
        (pa.array(["a", "b"]).dictionary_encode(), "VARCHAR", ["a", "b"]),
        (pa.nulls(2), "VARCHAR", [None, None]),
    ],
)
def test_types_of_arrow_are_kept(tmp_path, array, kind, texts):
    table = read(tmp_path, as_parquet(array), name="a.parquet")

    assert kind in {None, table.types["x"]}
    assert texts in (None, table.column())
    assert not table.report["notes"]


@pytest.mark.parametrize(
    ("array", "kind"),
    [
        (pa.array([pa.MonthDayNano([1, 2, 3])]), "month_day_nano_interval"),
        (pa.array([100], pa.decimal128(5, -2)), "decimal128(5, -2)"),
        (pa.array([1, 1]).dictionary_encode(), None),
        (
            pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), ["a"]),
            "run_end_encoded<run_ends: int32, values: string>",
        ),
    ],
)
def test_a_column_of_arrow_that_is_not_read_is_named(tmp_path, array, kind):
    table, out = pa.table({"i": range(len(array)), "x": array}), pa.BufferOutputStream()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    body = out.getvalue().to_pybytes()

    if kind is None:
        assert read(tmp_path, body, name="a.arrow").types["x"] == "BIGINT"
        return
    with pytest.raises(IngestRefused) as refused:
        read(tmp_path, body, name="a.arrow")
    assert str(refused.value) == f"Column 'x' is of a type that is not read: {kind}."


def test_a_file_without_columns_is_not_called_damaged(tmp_path):
    table = pa.table({"a": [1]}).select([])
    out, stream = pa.BufferOutputStream(), pa.BufferOutputStream()
    pq.write_table(table, out)
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)

    for name, sink in (("a.parquet", out), ("a.arrow", stream)):
        with pytest.raises(IngestRefused) as refused:
            read(tmp_path, sink.getvalue().to_pybytes(), name=name)
        assert str(refused.value) == "The file has no columns."


def test_nanoseconds_of_instants_stay_as_text_and_are_named(tmp_path):
    fine, plain = as_parquet(zoned(1, 2_000, -1)), as_parquet(zoned(2, unit="us"))

    table = read(tmp_path, fine, plain, name="a.parquet")

    assert table.types["x"] == "VARCHAR"
    first = "1970-01-01 00:00:00.000000001+00"
    last = "1969-12-31 23:59:59.999999999+00"
    assert table.column() == [first, TWO_US, last, None, TWO_US, None]
    assert "no type with a zone holds the nanoseconds of 2" in table.report["notes"][0]


def test_files_with_and_without_nanoseconds_have_one_type_of_instants(tmp_path):
    fine, plain = as_parquet(zoned(2_000)), as_parquet(zoned(2, unit="us"))

    for bodies in ((fine, plain), (plain, fine)):
        table = read(tmp_path, *bodies, name="a.parquet")
        assert table.types["x"] == INSTANT
        assert table.column() == [TWO_US, None] * 2


@pytest.mark.parametrize(
    "value",
    [
        *("'12:00:00+02'::TIMETZ", "INTERVAL 5 MONTH", "'a'::ENUM('a', 'b')"),
        *("'5f8a7f3e-0000-0000-0000-000000000001'::UUID", "'101'::BIT", "[NULL]"),
        *("'infinity'::TIMESTAMP", "'-infinity'::TIMESTAMPTZ", "MAP {'a': 1}", "[]"),
        *("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "{'a': 1, 'b': [1, 2]}"),
        *("'12:00:00.123456789'::TIME_NS", "'{}'::JSON", "0.5::DECIMAL(38, 38)"),
        *("[INTERVAL 5 MONTH]", "[TIMESTAMPTZ '2024-01-01 00:00:00+00']"),
        "'POINT(1 2)'::GEOMETRY",
    ],
)
def test_types_of_duckdb_are_kept(tmp_path, value):
    path = tmp_path / "a.parquet"
    with duckdb.connect() as database:
        database.execute("SET TimeZone='UTC'")
        database.execute(f"COPY (SELECT {value} AS x) TO '{path}' (FORMAT parquet)")
        sent = database.execute(f"SELECT x::VARCHAR FROM '{path}'").fetchone()

    table = read(tmp_path, path.read_bytes(), name="a.parquet")

    assert table.rows == [sent]
