"""Every cell of a file is kept with its value, or named in the report."""

from itertools import product

import duckdb
import pytest

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.rules import BOOLEAN, floating, whole_number
from datasets.analytics.ingest.times import DATE, TIME, TIMESTAMP
from tests.datasets.analytics.awkward import SHAPES
from tests.datasets.analytics.reading import read


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.label)
def test_an_awkward_file_becomes_the_right_table(tmp_path, shape):
    _assert_right(tmp_path, shape)


@pytest.mark.parametrize(
    "shape",
    [shape for shape in SHAPES if shape.column is None][::3],
    ids=lambda shape: shape.label,
)
def test_some_awkward_files_become_the_right_tables(tmp_path, shape):
    _assert_right(tmp_path, shape)


def _assert_right(folder, shape):
    table = read(folder, *shape.bodies, name=shape.name, **shape.options)

    assert table.types == shape.types
    assert table.rows[: len(shape.first)] == shape.first
    assert table.rows[len(table.rows) - len(shape.last) :] == shape.last
    assert table.report["rejected"]["count"] == shape.rejected


def test_awkward_columns_side_by_side_have_their_right_types(tmp_path):
    shapes = [shape for shape in SHAPES if shape.column]
    height = max(len(shape.column) for shape in shapes)
    columns = [shape.column + [""] * (height - len(shape.column)) for shape in shapes]
    header = ",".join(f"c{place}" for place in range(len(shapes)))
    lines = [",".join(cells) for cells in zip(*columns, strict=True)]

    table = read(tmp_path, "\n".join([header, *lines, ""]))

    assert len(shapes) >= 60
    for place, shape in enumerate(shapes):
        kept = [row[1] for row in shape.first]
        assert table.types[f"c{place}"] == shape.types["v"], shape.label
        assert table.column(place)[: len(kept)] == kept, shape.label


def test_late_misfits_side_by_side_widen_their_own_column_only(tmp_path):
    shapes = [shape for shape in SHAPES if shape.label.startswith(("a late", "late"))]
    halves = [shape.bodies[0].splitlines()[1:] for shape in shapes]
    header = ",".join(f"c{place}" for place in range(len(shapes)))
    lines = [",".join(cells) for cells in zip(*halves, strict=True)]

    table = read(tmp_path, "\n".join([header, *lines, ""]))

    assert list(table.types.values()) == [shape.types["v"] for shape in shapes]
    assert table.rows[0] == tuple(shape.first[0][0] for shape in shapes)
    assert table.rows[-1] == tuple(shape.last[0][0] for shape in shapes)


def test_cells_that_make_a_column_text_are_named_with_the_way_to_numbers(tmp_path):
    body = "n\n" + "123\n" * 3000 + "V12\n" * 3

    table = read(tmp_path, body)
    as_numbers = read(tmp_path, body, **table.cells["kept_as_text"][0]["read_with"])

    (found,) = table.cells["kept_as_text"]
    assert (found["column"], found["count"]) == ("n", 3)
    assert found["rows"][0] == {"row": 3000, "text": "V12"}
    assert as_numbers.types == {"n": "BIGINT"}
    (missing,) = as_numbers.cells["made_missing"]
    assert (missing["count"], missing["rows"][0]) == (3, {"row": 3000, "text": "V12"})


def test_null_words_are_counted_in_columns_that_are_no_text(tmp_path):
    table = read(tmp_path, "n,t\n1,NA\nNA,x\n-,y\n,z\n")

    assert table.column(0) == ["1", None, None, None]
    assert table.column(1) == ["NA", "x", "y", "z"]
    assert table.cells["missing_words"] == [{"column": "n", "count": 2}]


def test_a_word_in_quotes_is_a_word_unless_all_cells_are_quoted(tmp_path):
    some = read(tmp_path, 'id,v\n1,"NA"\n2,3\n')
    every = read(tmp_path, '"id","v"\n"1","NA"\n"2","3"\n"3",""\n')

    assert some.column(1) == ["NA", "3"]
    assert every.types["v"] == "BIGINT"
    assert every.column(1) == [None, "3", None]


def test_the_order_of_day_and_month_is_settled_by_any_row_or_not_at_all(tmp_path):
    ambiguous = "01/02/2024\n" * 3000

    assert read(tmp_path, "d\n" + ambiguous).types == {"d": "VARCHAR"}
    day_first = read(tmp_path, "d\n" + ambiguous + "13/02/2024\n")
    month_first = read(tmp_path, "d\n" + ambiguous + "02/13/2024\n")
    assert (day_first.column()[0], month_first.column()[0]) == (
        "2024-02-01",
        "2024-01-02",
    )
    both = read(tmp_path, "d\n" + ambiguous + "02/13/2024\n13/02/2024\n")
    assert both.types == {"d": "VARCHAR"}


def test_files_of_other_columns_are_refused_by_name_or_brought_together(tmp_path):
    bodies = "a,b\n1,x\n", "b,c\ny,2.5\n"

    with pytest.raises(IngestRefused, match=r"'1_a\.csv'.*lacks 'a' and has 'c'"):
        read(tmp_path, *bodies)
    table = read(tmp_path, *bodies, union_by_name=True)

    assert table.rows == [("1", "x", None), (None, "y", "2.5")]


BEFORE = ("", "-", "+", " ", "--", "-+", "0", "00", "-0", ".", "0x", "\t")
BODIES = (
    *("0", "1", "5", "05", "1.5", "0.5", ".5", "5.", "00.5", "1e5", "1E-5", "0e5"),
    *("1e400", "1e-400", "0.0", "0.000", "0.0e-400", "9.5", "123456789012345"),
    *("1234567890123456", "0.1234567890123456", "0.12345678901234567", "inf", "nan"),
    *("9223372036854775807", "9223372036854775808", "true", "FALSE", "True", "fAlse"),
    *("t", "yes", "no", "on", "off", "2024-01-05", "2024-1-5", "2024/01/05"),
    *("10:20:30", "24:00:00", "2024-01-05 10:20:30", "2024-01-05T10:20:30.5"),
    *("2024-01-05 10:20", "2024-01-05 10:20+09", "infinity", "epoch"),
)
BEHIND = ("", " ", ".", "0", "e2", "e-9", "e-300", "Z", "\t", "f", " (BC)", "+1")


@pytest.mark.parametrize(
    "rule",
    [BOOLEAN, whole_number(), floating(), DATE, TIME, TIMESTAMP],
    ids=lambda rule: rule.type,
)
def test_what_is_proven_cheaply_fits(rule):
    cells = ["".join(parts) for parts in product(BEFORE, BODIES, BEHIND)]
    proven = rule.is_proven("x", rule.read_quickly("x"), is_clean=True)

    with duckdb.connect() as database:
        found = database.execute(
            f"SELECT x, {rule.fits('x')}, {rule.read_quickly('x')} IS NOT DISTINCT FROM"
            f" {rule.value('x')} FROM (SELECT unnest($cells) AS x) WHERE {proven}",
            {"cells": cells},
        ).fetchall()

    assert found
    assert [row for row in found if row[1:] != (True, True)] == []


def test_a_misfit_of_one_rule_that_another_one_reads_is_named_no_misfit(tmp_path):
    table = read(tmp_path, b'a,b\n1,x\n"1,234,567",y\n')

    assert table.types == {"a": "BIGINT", "b": "VARCHAR"}
    assert table.report["cells"]["kept_as_text"] == []


@pytest.mark.parametrize(
    "cells",
    [
        ["1 234,5", "12,5", "3,5"],
        ["1,234,567", "2,345,678", "x"],
        ["1.234,50", "2.345,60", "x"],
        ["25/12/2024", "13/02/2024", "x"],
        ["2024년 1월 5일", "2024년 1월 6일", "x"],
        ["2024-01-05T00:00:00Z", "2024-01-06T00:00:00Z", "x"],
        ["true", "false", "x"],
        ["1.5", "2.5", "V12"],
    ],
)
def test_the_options_that_a_report_names_read_all_cells_but_those(tmp_path, cells):
    body = "a;b\n" + "".join(f"{cell};y\n" for cell in cells)
    (near,) = read(tmp_path, body).report["cells"]["kept_as_text"]

    table = read(tmp_path, body, **near["read_with"])

    (lost,) = table.report["cells"]["made_missing"]
    assert (lost["count"], lost["rows"]) == (near["count"], near["rows"])
    assert sum(value is None for value in table.column()) == 1


@pytest.mark.parametrize(
    ("body", "options", "line"),
    [
        ("\n\na,t\n2,x\n1,2,3\n", {}, 5),
        ("\r\na,t\r\n2,x\r\n1,2,3\r\n", {}, 4),
        ("\ufeff\na,t\n2,x\n1,2,3\n", {"has_header": True}, 4),
        ("sep=,\n\na,t\n2,x\n1,2,3\n", {}, 5),
        ("# one\n\na,t\n2,x\n1,2,3\n", {"comment": "#"}, 5),
        ("one\n\na,t\n2,x\n1,2,3\n", {"skip_lines": 1}, 5),
        ("sep=,\n\na,t\n2,x\n1,2,3\n", {"has_header": True}, 5),
    ],
)
def test_a_header_below_empty_lines_is_no_row(tmp_path, body, options, line):
    table = read(tmp_path, body + "3,y\n" * 20, **options)

    assert table.types == {"a": "BIGINT", "t": "VARCHAR"}
    assert table.rows == [("2", "x"), *[("3", "y")] * 20]
    (rejected,) = table.report["rejected"]["rows"]
    assert rejected["line"] == line
    said = "1 empty line above the header was skipped."
    if body.startswith("\n\n"):
        said = "2 empty lines above the header were skipped."
    assert said in table.report["notes"]


@pytest.mark.parametrize(
    ("body", "notes"),
    [
        (
            "a,b\n#\n1,2\n\n2,3\n",
            ["1 empty line was skipped.", "1 comment was skipped."],
        ),
        (
            "#\na,b\n\n1,2\n\n#\n",
            ["2 empty lines were skipped.", "2 comments were skipped."],
        ),
    ],
)
def test_lines_that_are_no_rows_are_counted(tmp_path, body, notes):
    assert read(tmp_path, body, comment="#").report["notes"] == notes


def test_text_that_was_asked_for_keeps_empty_cells_in_quotes(tmp_path):
    body = 'a,b\n"",""\n"x",""\n'

    table = read(tmp_path, body, types={"a": "VARCHAR", "b": "VARCHAR"})

    assert table.rows == [("", ""), ("x", "")]


EURO = "1.234,50;{}\n0,5;{}\n"


@pytest.mark.parametrize(
    ("cells", "options", "kind", "values"),
    [
        (("1.000", "2.500"), {}, "VARCHAR", ["1.000", "2.500"]),
        (("1.000", "5"), {}, "VARCHAR", ["1.000", "5"]),
        (("1.000", "NA"), {}, "VARCHAR", ["1.000", "NA"]),
        (("1.00", "2.500"), {}, "DOUBLE", ["1.0", "2.5"]),
        (("0.125", "2.500"), {}, "DOUBLE", ["0.125", "2.5"]),
        (("1.000.000", "2.500"), {}, "BIGINT", ["1000000", "2500"]),
        (("1.000", "2"), {"types": {"b": "DOUBLE"}}, "DOUBLE", ["1.0", "2.0"]),
        (("1.000", "2"), {"decimal": ",", "thousands": "."}, "BIGINT", ["1000", "2"]),
    ],
)
def test_points_part_no_decimals_where_commas_do(
    tmp_path, cells, options, kind, values
):
    table = read(tmp_path, "a;b\n" + EURO.format(*cells), **options)

    assert table.types == {"a": "DOUBLE", "b": kind}
    assert table.column(1) == values
    doubts = [note for note in table.report["notes"] if note.startswith("b: kept as")]
    assert len(doubts) == (kind == "VARCHAR")
    assert all("could be whole numbers" in note for note in doubts)


def test_all_cells_say_whether_points_part_thousands(tmp_path):
    rows = "0,5;1.000\n" * 5_000

    table = read(tmp_path, f"a;b\n{rows}0,5;1.5\n")

    assert table.types == {"a": "DOUBLE", "b": "DOUBLE"}
    assert not [note for note in table.report["notes"] if note.startswith("b:")]


@pytest.mark.parametrize(
    ("text", "kind", "is_rounded"),
    [
        ("0.1", "FLOAT", False),
        ("0.10000000149011612", "FLOAT", False),
        ("0.1000000015", "FLOAT", True),
        ("16777217", "FLOAT", True),
        ("16777216.0", "FLOAT", False),
        ("0.10000000149011612", "DOUBLE", False),
        ("0.100000001490116119", "DOUBLE", True),
        ("+2.50", "DOUBLE", False),
    ],
)
def test_a_number_is_rounded_only_where_the_chosen_type_has_no_spelling_of_it(
    tmp_path, text, kind, is_rounded
):
    table = read(tmp_path, f"x\n1.5\n{text}\n", types={"x": kind})

    counts = [row["count"] for row in table.report["cells"]["rounded"]]
    assert counts == [1] * is_rounded


def test_chosen_times_of_far_years_keep_their_clock_or_are_named(tmp_path):
    cells = {
        "DATE": [
            "10000-01-01",
            "0044-03-15 (BC)",
            "10000-01-01 10:00:00",
            "0000-01-01",
        ],
        "TIMESTAMP": [
            "10000-01-01 10:00:00.5",
            "99999-13-45",
            "12000-01-01 10:00:00+09",
        ],
        "TIMESTAMP WITH TIME ZONE": ["10000-01-01 10:00:00+00", "2024-13-45 10:00:00Z"],
    }
    kept = {
        "DATE": ["10000-01-01", "0044-03-15 (BC)", None, None],
        "TIMESTAMP": ["10000-01-01 10:00:00.5", None, None],
        "TIMESTAMP WITH TIME ZONE": ["10000-01-01 10:00:00+00", None],
    }

    for kind, texts in cells.items():
        body = "v,w\n" + "".join(f"{text},x\n" for text in texts)
        table = read(tmp_path, body, types={"v": kind})
        assert table.column() == kept[kind]
        (named,) = table.cells["made_missing"]
        assert named["count"] == kept[kind].count(None)
