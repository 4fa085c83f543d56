"""XLSX: every cell of a sheet is kept with its value, or named."""

import pytest

from datasets.analytics.errors import IngestRefused
from tests.datasets.analytics.reading import read
from tests.datasets.analytics.workbooks import (
    NOTHING,
    cells,
    error,
    formula,
    number,
    sheet,
    simple,
    text,
    truth,
    workbook,
    zipped,
)


def noted(table):
    """Return what was noted of the cells: kinds, columns, counts and first cells."""
    found = table.report["files"][0]["workbook"]["noted"]
    return {(one["kind"], one["column"]): one["cells"] for one in found}


def test_values_have_the_types_that_keep_them(tmp_path):
    rows = [
        cells("id", "code", "price", "when", "sold", "mixed"),
        cells(1, "007", 1.1000000000000001, number(45296, 1), truth(1), 5),
        cells(2, "010", 0.1, number(45297, 1), truth(0), "five"),
    ]

    table = read(tmp_path, simple(*rows, formats=["yyyy-mm-dd"]), name="a.xlsx")

    assert list(table.types.values()) == [
        "BIGINT",
        "VARCHAR",
        "DOUBLE",
        "DATE",
        "BOOLEAN",
        "VARCHAR",
    ]
    assert table.rows[0] == ("1", "007", "1.1", "2024-01-05", "true", "5")
    near = {one["column"]: one for one in table.cells["kept_as_text"]}
    assert near["mixed"]["rows"] == [{"row": 1, "text": "five"}]


@pytest.mark.parametrize(
    ("since_1904", "serial", "day"),
    [
        (False, 1, "1900-01-01"),
        (False, 59, "1900-02-28"),
        (False, 61, "1900-03-01"),
        (False, 45296, "2024-01-05"),
        (True, 0, "1904-01-01"),
        (True, 43834, "2024-01-05"),
    ],
)
def test_days_are_counted_from_the_epoch_of_the_workbook(
    tmp_path, since_1904, serial, day
):
    body = simple(
        cells("d", "n"),
        number(serial, 1) + number(1),
        formats=["d.m.yyyy"],
        since_1904=since_1904,
    )

    table = read(tmp_path, body, name="a.xlsx")

    assert (table.types["d"], table.rows) == ("DATE", [(day, "1")])


@pytest.mark.parametrize(
    ("code", "value", "kind", "kept"),
    [
        ("h:mm", 0.5, "TIME", "12:00:00"),
        ("yyyy-mm-dd hh:mm", 45296, "TIMESTAMP", "2024-01-05 00:00:00"),
        (22, 45296.573, "TIMESTAMP", "2024-01-05 13:45:07.2"),
        (31, 45296, "DATE", "2024-01-05"),
        ('yyyy"년" m"월" d"일"', 45296, "DATE", "2024-01-05"),
        ('[$-412]yyyy"년"', 45296, "DATE", "2024-01-05"),
        ("[h]:mm", 1.5, "DOUBLE", "1.5"),
        ('0" days"', 3, "BIGINT", "3"),
        ("[Red]0.0", 2.5, "DOUBLE", "2.5"),
        ("General", 5, "BIGINT", "5"),
    ],
)
def test_a_number_format_says_what_a_number_is(tmp_path, code, value, kind, kept):
    body = simple(cells("v", "n"), number(value, 1) + number(1), formats=[code])

    table = read(tmp_path, body, name="a.xlsx")

    assert (table.types["v"], table.rows[0][0]) == (kind, kept)


@pytest.mark.parametrize(
    ("code", "value", "kind"),
    [
        ("00000", 1234, "shows leading zeros"),
        ("0%", 0.125, "shows percent"),
        ("0.00", 1.23456, "shows fewer decimals"),
        ("#,##0,", 1234567, "shows a part of the digits"),
        (";;;", 7, "shows nothing"),
        ("yyyy-mm-dd", 45296.5, "shows not the time of day"),
        ("h:mm", 45296.5, "shows not the day"),
        ("mmm-yy", 45296, "shows not the whole date"),
        ("[h]:mm", 1.5, "duration, read as a number of days"),
        ("yyyy-mm-dd", 60, "no day that there is, read as a number"),
    ],
)
def test_a_cell_that_shows_other_than_it_holds_is_named(tmp_path, code, value, kind):
    body = simple(cells("v", "n"), number(value, 1) + number(1), formats=[code])

    table = read(tmp_path, body, name="a.xlsx")

    assert noted(table) == {(kind, "A"): ["A2"]}
    assert any(f"column A: {kind}" in note for note in table.report["notes"])


def test_zeros_and_decimals_that_change_nothing_are_not_noted(tmp_path):
    body = simple(
        cells("zip", "p"), number(10115, 1) + number(0.5, 2), formats=["00000", "0.00"]
    )

    assert noted(read(tmp_path, body, name="a.xlsx")) == {}


def test_formulas_have_their_cached_value_or_are_named(tmp_path):
    body = simple(
        cells("a", "b", "c"),
        number(1) + formula("A2*2", 2) + formula('""', "", kind="str"),
        number(2) + formula("A3*2") + formula("A3&A3", "22x", kind="str"),
        number(3) + error("#DIV/0!") + text("x"),
    )

    table = read(tmp_path, body, name="a.xlsx")

    assert table.rows == [("1", "2", ""), ("2", None, "22x"), ("3", None, "x")]
    assert table.types["b"] == "BIGINT"
    assert noted(table) == {
        ("formula without a value", "B"): ["B3"],
        ("error #DIV/0!", "B"): ["B4"],
    }


def test_merged_and_hidden_cells_are_noted(tmp_path):
    body = workbook(
        {
            "Data": sheet(
                cells("a", "b"),
                f'<row hidden="1">{cells(1, 2)}</row>',
                cells(3) + NOTHING,
                before='<cols><col min="2" max="2" hidden="1"/></cols>',
                after='<mergeCells count="1"><mergeCell ref="A3:B3"/></mergeCells>',
            )
        }
    )

    table = read(tmp_path, body, name="a.xlsx")

    about = table.report["files"][0]["workbook"]
    assert table.rows == [("1", "2"), ("3", None)]
    assert about["merged"] == {"count": 1, "cells": ["A3:B3"]}
    assert about["hidden_rows"] == {"count": 1, "rows": ["2"]}
    assert about["hidden_columns"] == {"count": 1, "columns": ["B"]}
    assert len(table.report["notes"]) == 3


def test_the_first_visible_sheet_with_data_is_read_or_the_one_named(tmp_path):
    body = workbook(
        {
            "Notes": sheet(),
            "Secret": sheet(cells("s"), cells(1)),
            "Data": sheet(cells("d"), cells(2)),
            "More": sheet(cells("m"), cells(3)),
        },
        hidden=["Secret"],
    )

    first = read(tmp_path, body, name="a.xlsx")
    named = read(tmp_path, body, name="a.xlsx", sheet="Secret")

    assert (first.types, named.types) == ({"d": "BIGINT"}, {"s": "BIGINT"})
    about = first.report["files"][0]["workbook"]
    assert about["sheet"] == "Data"
    assert [one["hidden"] for one in about["sheets"]] == [False, True, False, False]
    assert "'More' hold data too" in first.report["notes"][0]
    with pytest.raises(IngestRefused, match=r"no sheet 'X'; there are 'Notes', 'Secr"):
        read(tmp_path, body, name="a.xlsx", sheet="X")


def test_rows_above_the_header_are_named_by_their_number(tmp_path):
    body = simple(
        cells("Report of 2024"), "", cells("a", "b"), cells(1, 2), "", cells(3, 4), ""
    )

    as_found = read(tmp_path, body, name="a.xlsx")
    table = read(tmp_path, body, name="a.xlsx", header_row=3)

    assert "fills 1 of 2 columns; the option header_row" in as_found.report["notes"][0]
    assert table.types == {"a": "BIGINT", "b": "BIGINT"}
    assert table.rows == [("1", "2"), (None, None), ("3", "4")]
    assert table.report["notes"] == ["Sheet 'Sheet1': 1 blank rows between others."]


def test_texts_stay_as_they_are(tmp_path):
    shared = ["a", 'x,"y"\nz', " spaces ", "_x0041_", "line_x000D_\nend", "한국"]
    rows = "".join(
        f'<row><c t="s"><v>{i}</v></c><c><v>1</v></c></row>' for i in range(1, 6)
    )
    body = workbook(
        {"S": sheet(cells("a", "b"), *rows.replace("</row>", "</row>\0").split("\0"))},
        shared=shared,
    )

    table = read(tmp_path, body, name="a.xlsx")

    kept = [cell for cell in table.column() if cell]
    assert kept == ['x,"y"\nz', " spaces ", "_x0041_", "line\r\nend", "한국"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (zipped({"xl/workbook.bin": ""}), r"\.xlsb"),
        (
            zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
            r"\.ods",
        ),
        (zipped({"word/document.xml": ""}), "Word"),
        (
            b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "Workbook".encode("utf-16-le"),
            r"\.xls\)",
        ),
        (
            b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
            "encrypted with a password",
        ),
        (
            zipped({"xl/workbook.xml": '<w x="http://purl.oclc.org/ooxml/x"/>'}),
            "Strict",
        ),
        (zipped({"xl/workbook.xml": "<a/>"}), "damaged"),
        (simple(cells("a"), cells(1))[:400], "damaged"),
        (simple('<row r="2"/>', f'<row r="1">{cells(1)}</row>'), "no order"),
        (simple('<row><c r="AAAA1"><v>1</v></c></row>'), "no order"),
        (simple('<row><c t="s"><v>7</v></c></row>'), "no order"),
        (simple("<row><c><v>abc</v></c></row>"), "no order"),
        (simple(), "No visible sheet holds data"),
    ],
)
def test_what_is_no_workbook_is_refused_by_name(tmp_path, body, words):
    with pytest.raises(IngestRefused, match=words):
        read(tmp_path, body, name="a.xlsx")


def test_entities_that_grow_are_refused(tmp_path):
    grown = "".join(
        f'<!ENTITY e{i} "{"&e" + str(i - 1) + ";" if i else ""}'
        f'{"&e" + str(i - 1) + ";" if i else "x" * 99}">'
        for i in range(40)
    )
    part = f"<!DOCTYPE a [{grown}]>" + sheet(
        '<c t="inlineStr"><is><t>&e39;</t></is></c>'
    )

    with pytest.raises(IngestRefused, match="damaged"):
        read(tmp_path, workbook({"S": part}), name="a.xlsx")


def test_a_workbook_that_unpacks_too_far_is_refused(tmp_path):
    body = simple(cells("a"), *[cells("x" * 30_000)] * 1_000)

    with pytest.raises(IngestRefused) as told:
        read(tmp_path, body, name="a.xlsx")

    assert told.value.code == "file_bomb"


def test_options_of_text_are_refused_for_a_workbook_and_the_other_way_round(tmp_path):
    with pytest.raises(IngestRefused, match="has no delimiter"):
        read(tmp_path, simple(cells("a"), cells(1)), name="a.xlsx", delimiter=";")
    with pytest.raises(IngestRefused, match="Only a workbook has sheets"):
        read(tmp_path, "a\n1\n", sheet="S")


def test_commas_in_a_text_cast_no_doubt_on_numbers(tmp_path):
    rows = [cells("a", "b"), cells("0,5", 1.125), cells("1,25", 2.375)]

    table = read(tmp_path, simple(*rows), name="a.xlsx")

    assert table.types == {"a": "DOUBLE", "b": "DOUBLE"}
    assert table.column(1) == ["1.125", "2.375"]
