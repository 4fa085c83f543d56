"""Exports: whole, streamed, and harmless in a spreadsheet."""

import csv
import io

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics import export
from datasets.analytics.errors import InvalidFilter, UnknownColumn
from datasets.analytics.export import ExportFormat, Request
from datasets.analytics.filters import Condition, Operator
from datasets.analytics.sql import TableColumn

MESSY = (
    "SELECT '=1+1' AS formula, 'a\"b,c' AS quoted, '' AS empty, NULL::VARCHAR AS missing,"
    " -1.5 AS negative, 'nan'::DOUBLE AS nan, [1, 2] AS list, true AS truth,"
    " 'line' || chr(10) || 'break' AS lines"
)


def stream(table, kind, *arguments, **named):
    return export.stream(table, Request(ExportFormat(kind), *arguments, **named))


def whole(table, kind, *arguments, **named):
    return b"".join(stream(table, kind, *arguments, **named))


def test_csv_reads_back_and_guards_formulas(parquet):
    text = whole(parquet(MESSY), ExportFormat.CSV).decode()

    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["formula"] == "'=1+1"
    assert row["quoted"] == 'a"b,c'
    assert row["negative"] == "-1.5"
    assert row["lines"] == "line\nbreak"
    assert ',"",,' in text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_that_a_spreadsheet_runs_are_shown(parquet, start):
    table = parquet(
        f"SELECT chr({ord(start)}) || 'cmd' AS x, chr({ord(start)}) || 'k' AS y"
    )

    rows = list(csv.reader(io.StringIO(whole(table, "csv").decode(), newline="")))

    assert rows[1] == [f"'{start}cmd", f"'{start}k"]


def test_a_header_is_guarded_too(parquet):
    assert whole(parquet('SELECT 1 AS "=cmd"'), "csv") == b"'=cmd\r\n1\r\n"


def test_an_exact_csv_changes_no_cell_and_a_guarded_one_is_counted(parquet):
    table = parquet("SELECT '+82 2' AS phone, '-' AS \"=x\" UNION ALL SELECT 'a', 'b'")

    exact = whole(table, "csv", is_guarded=False)

    assert exact == b"phone,=x\r\n+82 2,-\r\na,b\r\n"
    assert export.guarded_cells(table, Request(ExportFormat.CSV)) == 3


def test_base64_that_begins_with_a_plus_is_guarded_and_counted(parquet):
    table = parquet(
        "SELECT unhex(x) AS raw FROM (VALUES ('FBEFBE'), ('00'), (''), (NULL)) v(x)"
    )

    guarded, exact = (whole(table, "csv", is_guarded=how) for how in (True, False))

    assert guarded.split(b"\r\n")[1:3] == [b"'++++", b"AA=="]
    assert exact.split(b"\r\n")[1:5] == [b"++++", b"AA==", b'""', b""]
    assert export.guarded_cells(table, Request(ExportFormat.CSV)) == 1


def test_json_lines_hold_values_uncut(parquet):
    table = parquet(
        "SELECT repeat('x', 5000) AS text, 9007199254740993 AS big, 'nan'::DOUBLE AS nan"
    )

    (line,) = whole(table, ExportFormat.JSON_LINES).splitlines()

    assert orjson.loads(line) == {
        "text": "x" * 5000,
        "big": "9007199254740993",
        "nan": "NaN",
    }


def test_parquet_and_arrow_read_back_with_filters_and_columns(parquet):
    table = parquet("SELECT i, i % 2 AS odd, 's' || i AS s FROM range(200000) t(i)")
    chosen = (["s", "i"], [Condition("odd", Operator.EQUAL, 1)])

    as_parquet = pq.read_table(io.BytesIO(whole(table, "parquet", *chosen)))
    as_arrow = pa.ipc.open_stream(whole(table, "arrow", *chosen)).read_all()

    assert as_parquet.column_names == ["s", "i"]
    assert as_parquet.num_rows == 100_000
    assert as_arrow.column("i").to_pylist()[:3] == [1, 3, 5]


@pytest.mark.parametrize("condition", [None, Condition("i", Operator.EQUAL, 9)])
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_parts_of_a_table_keep_its_types(parquet, kind, condition):
    table = parquet(
        "SELECT 1 AS i, '00000000-0000-0000-0000-0000000000ff'::UUID AS id,"
        " '{\"a\": 1.0}'::JSON AS j UNION ALL SELECT 2, NULL, NULL"
    )

    body = whole(table, kind, ["id", "j"], [condition] if condition else ())

    reading = pq.read_table if kind == "parquet" else pa.ipc.open_stream
    found = reading(io.BytesIO(body))
    assert [str(field.type) for field in found.schema] == [
        "extension<arrow.uuid>",
        "extension<arrow.json>",
    ]
    if condition is None:
        rows = found if kind == "parquet" else found.read_all()
        assert [v and v.int for v in rows.column("id").to_pylist()] == [255, None]
        assert rows.column("j").to_pylist() == ['{"a": 1.0}', None]


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_types_that_no_written_file_has_are_text_and_named(parquet, kind):
    table = parquet(
        "SELECT INTERVAL 1 DAY AS step, '10:00:00+02'::TIMETZ AS clock,"
        " [uuid()] AS ids, {'JSON': 1} AS named"
    )
    columns = [
        TableColumn("step", "INTERVAL"),
        TableColumn("clock", "TIME WITH TIME ZONE"),
        TableColumn("ids", "UUID[]"),
        TableColumn("named", 'STRUCT("JSON" INTEGER)'),
    ]

    body = whole(table, kind, ["step", "clock"])

    reading = pq.read_table if kind == "parquet" else pa.ipc.open_stream
    found = reading(io.BytesIO(body))
    rows = (found if kind == "parquet" else found.read_all()).to_pylist()
    assert rows == [{"step": "1 day", "clock": "08:00:00+00"}]
    assert export.unlike(columns, kind) == ["step", "clock", "ids"]


NUL = (
    "SELECT 1 AS i, 'a' || chr(0) AS \"has NUL\", 'b' AS plain,"
    " [chr(0)] AS list, encode(chr(0)) AS raw UNION ALL"
    " SELECT 2, 'c', NULL, NULL, NULL"
)
MIDNIGHT = (
    "SELECT 1 AS i, TIME '24:00:00' AS at, TIME '23:59:59.999999' AS before"
    " UNION ALL SELECT 2, NULL, TIME '00:00:00'"
)


@pytest.mark.parametrize(
    ("sql", "kind", "found"),
    [
        (NUL, "csv", ["has NUL"]),
        (NUL, "jsonl", []),
        (NUL, "arrow", []),
        (NUL, "parquet", []),
        (MIDNIGHT, "arrow", ["at"]),
        (MIDNIGHT, "csv", ["at"]),
        (MIDNIGHT, "jsonl", ["at"]),
        (MIDNIGHT, "parquet", []),
    ],
)
def test_columns_with_cells_that_a_format_has_no_form_for(parquet, sql, kind, found):
    table = parquet(sql)
    other = Request(ExportFormat(kind), None, [Condition("i", Operator.EQUAL, 2)])

    named = export.formless_columns(table, Request(ExportFormat(kind)))

    assert named == found
    assert export.formless_columns(table, other) == []


def test_the_end_of_a_day_is_text_in_arrow(parquet):
    found = pa.ipc.open_stream(whole(parquet(MIDNIGHT), "arrow")).read_all()

    found.validate(full=True)
    assert found.column("at").to_pylist() == ["24:00:00", None]
    assert found.schema.field("before").type == pa.time64("us")


def test_a_whole_parquet_export_is_the_stored_file(parquet):
    table = parquet("SELECT i FROM range(1000) t(i)")

    assert whole(table, ExportFormat.PARQUET) == table.read_bytes()


@pytest.mark.parametrize("kind", list(ExportFormat))
def test_no_rows_are_still_a_file(parquet, kind):
    table = parquet("SELECT 1 AS a, 'x' AS b")

    body = whole(table, kind, None, [Condition("a", Operator.EQUAL, 2)])

    if kind is ExportFormat.PARQUET:
        assert pq.read_table(io.BytesIO(body)).num_rows == 0
    if kind is ExportFormat.ARROW:
        assert pa.ipc.open_stream(body).read_all().column_names == ["a", "b"]
    if kind is ExportFormat.CSV:
        assert body == b"a,b\r\n"


def test_what_can_be_refused_is_refused_before_the_first_byte(parquet):
    table = parquet("SELECT 1 AS a")

    with pytest.raises(UnknownColumn):
        stream(table, "csv", ["b"])
    with pytest.raises(InvalidFilter):
        stream(table, "csv", None, [Condition("a", Operator.EQUAL, "x")])


def test_a_reader_that_stops_early_leaves_no_query_open(parquet):
    table = parquet("SELECT i FROM range(1000000) t(i)")

    chunks = stream(table, "csv")
    next(chunks)
    next(chunks)
    chunks.close()

    assert len(whole(parquet("SELECT 1 AS a"), "csv")) > 0


def test_streams_come_in_small_pieces(parquet):
    table = parquet("SELECT i, random() AS x FROM range(300000) t(i)")

    sizes = [len(chunk) for chunk in stream(table, "csv")]

    assert max(sizes) < 1 << 20
    assert len(sizes) > 10
