"""Ingestion of honest files: every row arrives, or is reported with its line."""

import gzip
import json
import os
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics import ingest, rows
from datasets.analytics.engine import Engine
from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest import InputFile, Limits, Options
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.rows import Window

KOREAN = "이름,값\n삼성전자,1\n현대차,2\n"


@pytest.fixture
def take(data, tmp_path):
    """Convert named contents; return the outcome and the folder."""

    def convert(*files, options=None, limits=None):
        sources = []
        for index, (name, body) in enumerate(files):
            path = tmp_path / f"upload_{index}"
            path.write_bytes(body)
            sources.append(InputFile(path, name))
        folder = data / "converted"
        outcome = ingest.convert(sources, folder, options=options, limits=limits)
        return outcome, folder

    return convert


def shown(folder):
    return rows.page(folder / "data.parquet", Window()).rows


def types(outcome):
    return {column.name: column.type for column in outcome.columns}


def test_a_csv_becomes_a_table_and_nothing_else_is_left(take):
    outcome, folder = take(
        ("a.csv", b"id,price,day\n1,2.5,2024-01-31\n2,NA,2024-02-01\n")
    )

    assert types(outcome) == {"id": "BIGINT", "price": "DOUBLE", "day": "DATE"}
    assert (outcome.format, outcome.row_count) == ("csv", 2)
    assert outcome.columns[1].nulls == 1
    assert shown(folder)[0] == {"id": 1, "price": 2.5, "day": "2024-01-31"}
    assert sorted(path.name for path in folder.iterdir()) == [
        "data.parquet",
        "head.json",
        "profile.json",
        "sample.parquet",
    ]
    assert json.loads((folder / "head.json").read_bytes()) == shown(folder)
    assert (folder / "data.parquet").stat().st_mode & 0o777 == 0o444


def test_equal_rows_have_an_equal_digest(take):
    body = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(300_000))

    first, _ = take(("a.csv", body))
    second, _ = take(("b.csv.gz", gzip.compress(body)))
    other, _ = take(("a.csv", body + b"1,2\n"))

    assert first.digest == second.digest != other.digest


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_delimiters_are_found(take, delimiter):
    text = "name;x,y|z\n".replace(";", " ").replace(",", " ").replace("|", " ")
    body = f"a{delimiter}b\n1{delimiter}{text}"

    outcome, _ = take(("a.csv", body.encode()))

    assert list(types(outcome)) == ["a", "b"]
    assert outcome.report["dialect"]["delimiter"] == delimiter


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"a b\n1 2.5\n3 4e1\n", ["a", "b"]),
        (b"1 2\n3 4\n", ["column_1", "column_2"]),
        (b"1 2\n3  4\n", ["1 2"]),
        (b"name\nAda Lovelace\nAlan Turing\n", ["name"]),
        (b"first last\nAda Lovelace\nAlan Turing\n", ["first last"]),
    ],
)
def test_spaces_part_values_and_never_words(take, body, names):
    outcome, _ = take(("a.txt.csv", body))

    assert list(types(outcome)) == names


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp949"]
)
def test_encodings_are_found(take, encoding):
    outcome, folder = take(("a.csv", KOREAN.encode(encoding)))

    assert shown(folder)[0] == {"이름": "삼성전자", "값": 1}
    assert outcome.report["dialect"]["encoding"][0].replace("_", "-") == encoding


def test_latin_1_is_the_last_resort_and_can_be_asked_for(take):
    body = "café;naïve\nà;é\n".encode("latin-1")

    outcome, folder = take(("a.csv", body), options=Options(encoding="latin-1"))

    assert shown(folder) == [{"café": "à", "naïve": "é"}]


def test_a_few_lines_that_are_not_utf8_are_rejected_with_their_number(take):
    lines = [f"{i},값\n".encode() for i in range(1000)]
    lines[500] = b"500,\xff\xfe\n"

    outcome, _ = take(("a.csv", b"i,s\n" + b"".join(lines)))

    (rejected,) = outcome.report["rejected"]["rows"]
    assert (rejected["line"], rejected["reason"]) == (502, "bytes that are not UTF-8")
    assert outcome.row_count == 999


@pytest.mark.parametrize("shift", range(4))
def test_no_character_and_no_line_end_is_cut_where_a_long_file_is(take, shift):
    rows = ["삼성전자,1\r\n"] * 60_000
    body = "s" * shift + "이름,값\r\n" + "".join(rows)

    outcome, _ = take(("a.csv", body.encode()))

    assert outcome.row_count == 60_000
    assert outcome.report["rejected"]["count"] == 0
    assert outcome.report["dialect"]["encoding"] == ["utf-8"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r", "mixed"])
def test_line_ends_do_not_matter(take, ends):
    body = "a,b\r\n1,2\n3,4\r\n" if ends == "mixed" else f"a,b{ends}1,2{ends}3,4{ends}"

    outcome, folder = take(("a.csv", body.encode()))

    assert shown(folder) == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]


def test_every_rejected_row_has_a_line_and_a_reason(take):
    lines = [b"%d,%d.5,x%d\n" % (i, i, i) for i in range(100_000)]
    lines[50_000:50_003] = [b"oops,1,2\n", b"1,2\n", b"1,2,3,4\n"]

    outcome, _ = take(("a.csv", b"a,b,c\n" + b"".join(lines)))

    rejected = outcome.report["rejected"]
    assert (rejected["count"], outcome.row_count) == (2, 99_998)
    assert [(row["line"], row["reason"]) for row in rejected["rows"]] == [
        (50_003, "too few cells"),
        (50_004, "too many cells"),
    ]
    (text,) = outcome.report["cells"]["kept_as_text"]
    assert (text["column"], text["rows"]) == ("a", [{"row": 50_000, "text": "oops"}])


def test_a_column_whose_later_values_need_a_wider_type_gets_it(take):
    lines = [b"%d,%d\n" % (i, i) for i in range(300_000)]
    lines += [b"%d.5,x\n" % i for i in range(50_000)]

    outcome, _ = take(("a.csv", b"a,b\n" + b"".join(lines)))

    assert types(outcome) == {"a": "DOUBLE", "b": "VARCHAR"}
    assert (outcome.row_count, outcome.report["rejected"]["count"]) == (350_000, 0)


def test_codes_and_long_integers_keep_their_digits(take):
    outcome, folder = take(
        (
            "a.csv",
            b"ticker,order\n005930,12345678901234567890\n000660,98765432109876543210\n",
        )
    )

    assert shown(folder)[0] == {"ticker": "005930", "order": "12345678901234567890"}
    assert types(outcome)["order"] == "DECIMAL(38,0)"
    (codes,) = outcome.report["cells"]["kept_as_text"]
    assert (codes["column"], codes["count"]) == ("ticker", 2)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ((b"01/02/2024", b"03/04/2024"), "VARCHAR"),
        ((b"31/01/2024", b"01/02/2024"), "DATE"),
        ((b"2024/01/31", b"2024/02/01"), "DATE"),
        ((b"2024-01-31", b"2024-02-01"), "DATE"),
    ],
)
def test_dates_are_taken_only_when_their_order_is_certain(take, dates, expected):
    outcome, folder = take(("a.csv", b"n,day\n1,%b\n2,%b\n" % dates))

    assert types(outcome)["day"] == expected
    if dates[0] == b"31/01/2024":
        assert shown(folder)[0]["day"] == "2024-01-31"


def test_names_are_made_distinct_and_reported(take):
    outcome, _ = take(("a.csv", b"a,A,,a\n1,2,3,4\n"))

    assert list(types(outcome)) == ["a", "A_2", "column_3", "a_3"]
    assert outcome.report["renamed"][0] == {"name": "A_2", "original_name": "A"}


def test_a_file_without_a_header_has_made_up_names(take):
    outcome, _ = take(("a.csv", b"1,2\n3,4\n"))

    assert list(types(outcome)) == ["column_1", "column_2"]
    assert outcome.row_count == 2


def test_quotes_hold_delimiters_and_line_ends(take):
    _, folder = take(("a.csv", b'a,b\n1,"x, ""y""\nz"\n2,w\n'))

    assert shown(folder) == [{"a": 1, "b": 'x, "y"\nz'}, {"a": 2, "b": "w"}]


def test_several_files_are_one_table_and_must_agree(take):
    outcome, _ = take(("a.csv", b"a,b\n1,2\n"), ("b.csv", b"a,b\n3,4.5\n"))

    assert (outcome.row_count, types(outcome)["b"]) == (2, "DOUBLE")
    with pytest.raises(IngestRefused, match=r"b\.csv"):
        take(("a.csv", b"a,b\n1,2\n"), ("b.csv", b"a,c\n3,4\n"))
    with pytest.raises(IngestRefused) as refused:
        take(("a.csv", b"a,b\n1,2\n"), ("b.jsonl", b'{"a": 1}\n'))
    assert refused.value.code == "mixed_formats"
    assert refused.value.message == "The files have different formats: csv, jsonl."


def test_json_lines_become_columns_in_order_of_appearance(take):
    body = b'{"b": 1, "A": "x", "n": {"k": [1]}}\n\n{"a": 2.5, "b": NaN}\nnot json\n{"b": 3}\n'

    outcome, folder = take(("a.jsonl", body))

    assert list(types(outcome)) == ["b", "A", "n", "a_2"]
    assert shown(folder)[0] == {"b": 1, "A": "x", "n": {"k": [1]}, "a_2": None}
    (rejected,) = outcome.report["rejected"]["rows"]
    assert (rejected["line"], rejected["reason"]) == (4, "not a JSON object")


def test_a_json_array_is_read_like_lines(take):
    outcome, _ = take(("a.json", b'[{"a": 1}, {"a": 2}]'))

    assert (outcome.format, outcome.row_count) == ("jsonl", 2)


def test_integers_beyond_64_bits_do_not_become_doubles(take):
    _, folder = take(
        ("a.jsonl", b'{"a": 123456789012345678}\n{"a": 987654321098765432}\n')
    )

    assert shown(folder)[0] == {"a": "123456789012345678"}


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_parquet_keeps_types_and_order(take, compression):
    sink = pa.BufferOutputStream()
    table = pa.table(
        {
            "A": [3, 1, 2],
            "a": ["x", None, "z"],
            "d": pa.array([1, 2, 3], pa.decimal128(10, 2)),
            "n": [[1], [], None],
        }
    )
    pq.write_table(table, sink)
    body = sink.getvalue().to_pybytes()
    if compression != "none":
        body = pa.compress(body, codec=compression, asbytes=True)

    outcome, folder = take(("a.parquet", body))

    assert types(outcome) == {
        "A": "BIGINT",
        "a_2": "VARCHAR",
        "d": "DECIMAL(10,2)",
        "n": "BIGINT[]",
    }
    assert [row["A"] for row in shown(folder)] == [3, 1, 2]
    assert [row["a_2"] for row in shown(folder)] == ["x", None, "z"]


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_arrow_is_read_with_its_dictionaries(take, kind):
    sink = pa.BufferOutputStream()
    batch = pa.record_batch(
        {"s": pa.array(["x", "y"]).dictionary_encode(), "i": [1, 2]}
    )
    opened = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with opened(sink, batch.schema) as writer:
        writer.write_batch(batch)

    outcome, folder = take(("a.arrow", sink.getvalue().to_pybytes()))

    assert types(outcome) == {"s": "VARCHAR", "i": "BIGINT"}
    assert shown(folder) == [{"s": "x", "i": 1}, {"s": "y", "i": 2}]


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_a_duration_becomes_a_number_whose_unit_is_told(take, unit):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"wait": pa.array([1, None], pa.duration(unit))}), sink)

    outcome, folder = take(("a.parquet", sink.getvalue().to_pybytes()))

    assert shown(folder) == [{"wait": 1}, {"wait": None}]
    assert outcome.report["notes"] == [
        f"wait: a duration, kept as a whole number of {unit}."
    ]


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("a.csv", b"a,b\n", "no_rows"),
        ("a.csv", b"<!DOCTYPE html><html>error</html>", "unsupported_format"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4, "unsupported_format"),
        ("a.xlsx", b"PK\x03\x04rest", "invalid_file"),
        ("a.csv", b"a,b\n1,2,3\n4,5,6\n", "invalid_file"),
        ("a.csv", b'a,b\n1,"2\n3,4\n' * 50, "invalid_file"),
        ("a.csv.gz", gzip.compress(b"a\n1\n" * 9999, mtime=0)[:-40], "invalid_file"),
        ("a.jsonl", b"{1}\n{2}\n", "invalid_file"),
        ("a.jsonl", b"[1, 2", "invalid_file"),
        ("a.parquet", b"PAR1" + b"x" * 100 + b"PAR1", "invalid_file"),
        ("a.parquet", b"PAR1", "invalid_file"),
        ("a.arrow", b"ARROW1\x00\x00" + b"x" * 100, "invalid_file"),
    ],
)
def test_what_is_no_table_is_refused_and_leaves_nothing(take, data, name, body, code):
    with pytest.raises(IngestRefused) as refused:
        take((name, body))

    assert refused.value.code == code
    assert not (data / "converted").exists()
    assert str(data) not in refused.value.message


def test_many_ragged_rows_are_refused_with_the_first_line(take):
    body = b"a,b,c\n" + b"1,2,3\n" * 1000 + b"1,2\n" * 100

    with pytest.raises(IngestRefused, match="line 1002: too few cells") as refused:
        take(("a.csv", body))

    assert refused.value.extra["rejected"] == 100


def test_progress_is_told_and_a_killed_conversion_starts_again(data, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(
        b"a,b\n" + b"".join(b"%d,%d\n" % (i, i) for i in range(2_000_000))
    )
    files, folder = [InputFile(upload, "a.csv")], data / "converted"

    ingestion = ingest.start(files, folder)
    deadline = time.monotonic() + 120
    while not ingestion.progress().bytes_total and time.monotonic() < deadline:
        assert ingestion.poll() is None or ingestion.progress()
        time.sleep(0.01)
    assert ingestion.progress().bytes_total == upload.stat().st_size
    ingestion.kill()
    ingestion.kill()
    assert not folder.exists()

    outcome = ingest.convert(files, folder)
    assert outcome.row_count == 2_000_000


def test_progress_never_runs_back_from_one_stage_to_the_next(data, tmp_path):
    again = ("reading", 10)  # the same file once more, for its encoding
    stages = ("reading", 0), ("reading", 1000), again, ("converting", 0)
    seen = []

    with Engine.for_process().cursor() as cursor:
        context = Context(tmp_path, Options(), Limits(), cursor)
        context.total_bytes = 1000
        for context.stage, context.bytes_read in (*stages, ("describing", 0)):
            seen.append(context.progress().bytes_done)

    assert seen == sorted(seen)
    assert seen[0] == 0 < seen[1]
    assert seen[-1] < context.total_bytes, "not all is done before the end"


def test_a_child_ends_with_its_parent(data, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"a,b\n" + b"1,2\n" * 5_000_000)
    ingestion = ingest.start([InputFile(upload, "a.csv")], data / "converted")

    ingestion._process.stdin.close()  # what the system does when the parent is gone

    assert ingestion._process.wait(timeout=30) == 75


def test_a_child_holds_no_variable_of_ours(data, tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_SECRET_KEY", "hidden")
    upload = tmp_path / "upload"
    upload.write_bytes(b"a,b\n" + b"1,2\n" * 1_000_000)

    ingestion = ingest.start([InputFile(upload, "a.csv")], data / "converted")
    environment = b""
    deadline = time.monotonic() + 120
    while not environment and time.monotonic() < deadline:
        with open(f"/proc/{ingestion.pid}/environ", "rb") as file:  # noqa: PTH123
            environment = file.read()
    ingestion.kill()

    assert environment
    assert b"hidden" not in environment
    assert os.environ["MLOPS_SECRET_KEY"] == "hidden"


def test_a_time_limit_ends_it(data, tmp_path):
    upload = tmp_path / "upload"
    upload.write_bytes(b"a,b\n" + b"1,2\n" * 30_000_000)

    with pytest.raises(IngestRefused) as refused:
        ingest.convert(
            [InputFile(upload, "a.csv")], data / "converted", limits=Limits(wall_s=1)
        )

    assert refused.value.code == "timeout"


@pytest.mark.parametrize(
    ("originals", "names"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "A"], ["a", "a_2", "A_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["", " ", "\x00\u202e"], ["column_1", "column_2", "column_3"]),
        (["x" * 300], ["x" * 200]),
        (["a\nb\t c"], ["a b c"]),
        (["한글", "Ünï"], ["한글", "Ünï"]),
    ],
)
def test_names_are_clean_and_distinct(originals, names):
    assert clean_names(originals) == names
