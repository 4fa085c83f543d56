"""Rows that come after those of a version: one table, as if all had been sent at once."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest import Base, InputFile, Limits, Options
from datasets.analytics.ingest.conversion import Conversion


class Reader:
    """Reads bodies as uploads, each in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def __call__(self, *bodies, base=None, name="a.csv", **options):
        place = self.folder / f"read_{self.count}"
        self.count += 1
        (place / "out").mkdir(parents=True)
        files = []
        for index, body in enumerate(bodies):
            path = place / f"upload_{index}"
            path.write_bytes(body if isinstance(body, bytes) else body.encode())
            files.append(InputFile(path, f"{index}_{name}"))
        reading = Conversion(files, place / "out", Options(**options), Limits(), base)
        return reading.run(), place / "out/data.parquet"


@pytest.fixture
def read(tmp_path):
    return Reader(tmp_path)


def base(found, *, widens=False):
    outcome, path = found
    return Base(
        path=Path(path),
        version=1,
        rows=outcome.row_count,
        names=tuple(column.name for column in outcome.columns),
        originals=tuple(column.original_name for column in outcome.columns),
        types=tuple(column.type for column in outcome.columns),
        nulls=tuple(column.nulls for column in outcome.columns),
        widens=widens,
    )


def rows_of(found):
    return pq.read_table(found[1]).to_pylist()


HEADER = "id,price,day,name,note\n"


def line(rng, number):
    price = "" if rng.random() < 0.1 else f"{rng.uniform(-9, 9):.4f}"
    name = rng.choice(["NA", "x", '"a, b"', '""', "", '"two\nlines"', "007"])
    return f"{number},{price},2024-01-{number % 28 + 1:02d},{name},n{number % 3}\n"


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_that_are_appended_are_the_table_of_one_upload(read, parts):
    rng = random.Random(parts)  # noqa: S311 - rows of a test
    lines = [line(rng, number) for number in range(1, 2_001)]
    whole, _ = read(HEADER + "".join(lines))
    size = len(lines) // parts

    found = read(HEADER + "".join(lines[:size]))
    for part in range(1, parts):
        end = size * (part + 1) if part < parts - 1 else len(lines)
        body = HEADER + "".join(lines[size * part : end])
        found = read(body, base=base(found))

    assert [c.type for c in found[0].columns] == [c.type for c in whole.columns]
    assert found[0].content_digest == whole.content_digest
    assert found[0].report["appended"]["rows_before"] < found[0].row_count == 2_000


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("a,b\n1,x\n", "a,b\n2.5,y\n"),
        ("a\n1\n2\n", "a\n12345678901234567890\n"),
        ("a\n2024-01-05\n", "a\n2024-01-05 10:30:00\n"),
        ("a,b\n1,\n", "a,b\n2,2024-01-05\n"),
        ("a\n5\n", "a\nV12\n"),
        ("a\ntrue\n", "a\nmaybe\n"),
    ],
)
def test_types_widen_to_those_of_one_upload_when_asked(read, first, then):
    rows = then.partition("\n")[2]
    whole, _ = read(first + rows)

    found, _ = read(then, base=base(read(first), widens=True))

    assert found.content_digest == whole.content_digest
    assert [item["column"] for item in found.report["appended"]["widened"]]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ("a\n1.5\n", "a\n2\n"),
        ("a\nx\n", "a\n007\n8\n"),
        ("a\n1\n", "a\nNA\n"),
        ("a\n1\n", "a\nNA\n3\n"),
        ("a\n2024-01-05 10:00:00\n", "a\n2024-01-06\n"),
        ("a,b\n1,x\n", "b,a\ny,2\n"),
    ],
)
def test_narrower_cells_take_the_types_of_before(read, first, then):
    before = read(first)

    found = read(then, base=base(before))

    assert [c.type for c in found[0].columns] == [c.type for c in before[0].columns]
    assert len(rows_of(found)) == found[0].row_count > before[0].row_count
    assert rows_of(found)[:1] == rows_of(before)[:1]


def test_text_stays_as_it_is_spelled(read):
    found = read("a\n007\n8.50\n", base=base(read("a\nx\n")))

    assert [row["a"] for row in rows_of(found)] == ["x", "007", "8.50"]


def test_a_cell_that_does_not_fit_is_named_with_its_line(read):
    then = 'a,t\n2,"one\ntwo"\n3,y\n007,z\n'

    with pytest.raises(IngestRefused) as refused:
        read(then, base=base(read("a,t\n1,x\n")))

    assert refused.value.code == "does_not_fit"
    assert refused.value.extra["column"] == "a"
    assert refused.value.extra["line"] == 5
    assert "'007' in line 5" in refused.value.message


@pytest.mark.parametrize(
    ("name", "body", "line"),
    [
        ("a.csv", "a,t\n2,x\n\n007,y\n", 4),
        ("a.csv", 'a,t\n2,5" disk\n007,y\n', 3),
        ("a.csv", 'a,t\n2,"one\rtwo\r\nthree"\n007,y\n', 5),
        ("a.csv", 'a,"t\n"\n2,x\n007,y\n', 4),
        ("a.csv", "a,t\r2,x\r007,y\r", 3),
        ("a.csv", "sep=,\na,t\n2,x\n007,y\n", 4),
        ("a.csv", "a,t\n2,  \n  ,\n007,y\n", 4),
        ("a.jsonl", '{"a": 2}\n\n{"a": "007"}\n', 3),
        ("a.json", '[\n{"a": 2,\n"t": 1},\n{"a": "007"}\n]', 4),
    ],
)
def test_the_line_of_a_misfit_is_that_of_an_editor(read, name, body, line):
    before = base(read("a,t\n1,x\n"))

    with pytest.raises(IngestRefused) as refused:
        read(body, base=before, name=name, union_by_name=True)

    assert (refused.value.extra["column"], refused.value.extra["line"]) == ("a", line)


def test_lines_left_out_count_in_the_line_of_a_misfit(read):
    before = base(read("a,t\n1,x\n"))
    options = {"skip_lines": 2, "comment": "#", "union_by_name": True}

    for name, body in (
        ("a.csv", "one\ntwo\na,t\n# three\n2,x\n007,y\n"),
        ("a.jsonl", 'one\ntwo\n{"a": 1}\n# three\n{"a": 2}\n{"a": "007"}\n'),
    ):
        with pytest.raises(IngestRefused) as refused:
            read(body, base=before, name=name, **options)
        assert refused.value.extra["line"] == 6


def test_words_that_stay_text_are_not_counted_as_missing(read):
    found = read("a,b\n1,x\nNA,y\n2,z\n", base=base(read("a,b\nx,x\n")))

    assert [row["a"] for row in rows_of(found)] == ["x", "1", "NA", "2"]
    assert found[0].report["cells"]["missing_words"] == []


def test_other_columns_are_refused_or_filled_when_asked(read):
    before = read("a,b\n1,x\n")

    with pytest.raises(IngestRefused, match="lacks 'b'"):
        read("a,c\n2,y\n", base=base(before))
    found = read("a,c\n2,y\n", base=base(before), union_by_name=True)

    assert rows_of(found) == [
        {"a": 1, "b": "x", "c": None},
        {"a": 2, "b": None, "c": "y"},
    ]


def test_parquet_is_appended_in_the_types_of_before_or_refused(read):
    def body(values, kind):
        out = pa.BufferOutputStream()
        pq.write_table(pa.table({"a": pa.array(values, kind)}), out)
        return out.getvalue().to_pybytes()

    before = read(body([1, 2], pa.int64()), name="a.parquet")

    narrow = read(body([3], pa.int32()), base=base(before), name="a.parquet")

    assert [row["a"] for row in rows_of(narrow)] == [1, 2, 3]
    with pytest.raises(IngestRefused) as refused:
        read(body([3.0, 3.5], pa.float64()), base=base(before), name="a.parquet")
    assert (refused.value.extra["row"], refused.value.extra["line"]) == (2, None)
    wide = read(
        body([3.5], pa.float64()), base=base(before, widens=True), name="a.parquet"
    )
    assert [row["a"] for row in rows_of(wide)] == [1.0, 2.0, 3.5]


def test_json_lines_come_after_a_csv(read):
    then = '{"b": "y", "a": 2}\n{"a": null, "b": "5"}\n'

    found = read(then, base=base(read("a,b\n1,x\n")), name="a.jsonl")

    assert rows_of(found)[1:] == [{"a": 2, "b": "y"}, {"a": None, "b": "5"}]
