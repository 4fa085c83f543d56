"""Rows that are no rows cost no other row, and are named by line and reason."""

import pytest

from tests.datasets.analytics.reading import read

REST = "1,2\n" * 20
QUOTE = "a quote that does not close or stands inside a cell"


@pytest.mark.parametrize("before", [0, 30_000])
def test_text_behind_a_closing_quote_costs_its_own_row_only(tmp_path, before):
    table = read(tmp_path, "a,b\n" + "1,2\n" * before + '1,"x"y\n2,z\n' + REST)

    assert len(table.rows) == before + 21
    assert table.rows[before] == ("2", "z")
    (rejected,) = table.report["rejected"]["rows"]
    assert (rejected["line"], rejected["reason"]) == (before + 2, QUOTE)


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_an_editor_does(tmp_path, ends, mark):
    body = f'{mark}a,b\n1,"x\ny\nz"\n2,3\n4,5,6\n7,"8\n9"\n1,2,3\n{REST}'

    table = read(tmp_path, body.replace("\n", ends))

    named = [(row["line"], row["text"]) for row in table.report["rejected"]["rows"]]
    assert named == [(6, "4,5,6"), (9, "1,2,3")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp949"])
def test_a_nul_byte_is_called_one(tmp_path, encoding):
    body = 'a,b\n가,x\n2,"y\n\0z"\n' + "나,다\n" * 20

    table = read(tmp_path, body.encode(encoding), encoding=encoding)

    (rejected,) = table.report["rejected"]["rows"]
    assert (rejected["line"], rejected["reason"]) == (3, "a NUL byte")
    assert len(table.rows) == 21


def test_lines_of_json_say_why_they_are_none(tmp_path):
    lines = [b'{"a": 1}', b'{"a": "x\0"}', b'{"a": "\xff"}', b"[1]"]
    lines += [b'{"a": 2}'] * 20

    table = read(tmp_path, b"\n".join(lines), name="a.jsonl", encoding="utf-8")

    named = [(row["line"], row["reason"]) for row in table.report["rejected"]["rows"]]
    assert named == [
        (2, "a NUL byte"),
        (3, "bytes that are not UTF-8"),
        (4, "not a JSON object"),
    ]
