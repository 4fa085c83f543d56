"""JSON lines: every number with its digits, every key accounted for."""

import json
import re

import pytest

from datasets.analytics.errors import IngestRefused
from tests.datasets.analytics.reading import read

BIG = "99999999999999999999"


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([BIG, f"{BIG[:-1]}8"], "DECIMAL(38,0)", [BIG, f"{BIG[:-1]}8"]),
        (["9007199254740993", "0.5"], "DECIMAL(38,1)", ["9007199254740993.0", "0.5"]),
        (["18446744073709551615", "1"], "DECIMAL(38,0)", ["18446744073709551615", "1"]),
        (["1e400", "1"], "VARCHAR", ["1e400", "1"]),
        (["0.30000000000000004", "1e-7"], "DOUBLE", ["0.30000000000000004", "1e-07"]),
        (["NaN", "1.5", '"Infinity"', "null"], "DOUBLE", ["nan", "1.5", "inf", None]),
        (["true", "false"], "BOOLEAN", ["true", "false"]),
        (['"5"', '"6"'], "VARCHAR", ["5", "6"]),
        (['""', '"x"', "null"], "VARCHAR", ["", "x", None]),
        (['"NaN"', '"x"'], "VARCHAR", ["NaN", "x"]),
        (
            ['"2024-01-01T09:00:00+09:00"', '"2024-01-01T09:00:00.5Z"'],
            "TIMESTAMP WITH TIME ZONE",
            ["2024-01-01 00:00:00+00", "2024-01-01 09:00:00.5+00"],
        ),
        ([f'{{"id":{BIG}}}', '{"id":1}'], "VARCHAR", [f'{{"id":{BIG}}}', '{"id":1}']),
        ([f"[{BIG},0.5]"], "VARCHAR", [f"[{BIG},0.5]"]),
        (["2", '"two"', "[1]", "null"], "VARCHAR", ["2", '"two"', "[1]", None]),
        (["[" * 150 + "]" * 150], "VARCHAR", ["[" * 150 + "]" * 150]),
    ],
)
def test_values_are_exact_at_any_depth(tmp_path, values, kind, kept):
    body = "".join(f'{{"v": {value}}}\n' for value in values)
    array = "[" + ", ".join(f'{{"v": {value}}}' for value in values) + "]"

    for text in (body, array):
        table = read(tmp_path, text, name="a.jsonl")
        assert table.types == {"v": kind}
        assert table.column() == kept


def test_an_object_without_keys_is_a_row_of_missing_values(tmp_path):
    for body in ('{}\n{"a": 1}\n{ }\n', '[{}, {"a": 1}, {}]'):
        table = read(tmp_path, body, name="a.jsonl")

        assert table.column() == [None, "1", None]
        assert table.report["rejected"]["count"] == 0


def test_objects_that_all_have_no_keys_are_refused_as_such(tmp_path):
    with pytest.raises(IngestRefused, match="have no keys"):
        read(tmp_path, "{}\n{}\n", name="a.jsonl")


def test_a_chosen_type_is_not_called_text(tmp_path):
    body = '{"a": true}\n{"a": 1}\n{"a": {"b": 1}}\n'

    table = read(tmp_path, body, name="a.jsonl", types={"a": "BIGINT"})

    assert table.types == {"a": "BIGINT"}
    assert table.column() == [None, "1", None]
    assert table.report["notes"] == []
    assert [cell["count"] for cell in table.cells["made_missing"]] == [2]


def test_absent_null_repeated_and_mixed_keys_are_told_apart_in_the_notes(tmp_path):
    body = '{"a": 1, "a": 2, "b": null}\n{"a": 3}\n{"b": "x", "c": 1}\n{"c": [1]}\n'

    table = read(tmp_path, body, name="a.jsonl")

    assert table.rows[0] == ("2", None, None)
    assert table.report["notes"] == [
        "a: given twice in 1 lines, first in line 1; the last value was kept.",
        "b: null in 1 lines and absent from 2; both are missing.",
        "c: kept as text of JSON; it holds number, object or list.",
    ]


def test_a_line_with_half_a_character_is_rejected_by_its_number(tmp_path):
    body = '{"t": "\\ud83d cut"}\n{"t": "\\ud83d\\ude00"}\n{"t": "ok"}\n'

    table = read(tmp_path, body, name="a.jsonl")

    assert table.column() == ["\U0001f600", "ok"]
    (rejected,) = table.report["rejected"]["rows"]
    assert (rejected["line"], rejected["reason"]) == (1, "half of a character")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (['{"d": "2024-01-05"}'], "STRUCT(d VARCHAR)"),
        (['["C56A4180-65AA-42EC-A945-5FD21DEC0538"]'], "VARCHAR[]"),
        (['["10:30"]', "[]"], "VARCHAR[]"),
        (["[-0, 1]", "[2]"], "DOUBLE[]"),
        (['{"x": 1, "X": 2}'], "VARCHAR"),
        (['{"x": 1}', '{"X": 2}'], "VARCHAR"),
        (['{"": 1}'], "VARCHAR"),
        (['{"DAY": [{"a b": true}]}'], 'STRUCT("DAY" STRUCT("a b" BOOLEAN)[])'),
    ],
)
def test_nested_values_are_spelled_as_they_were(tmp_path, values, kind):
    table = read(
        tmp_path,
        "".join(f'{{"v": {value}}}\n' for value in values),
        name="a.jsonl",
    )

    assert table.types == {"v": kind}
    if kind == "VARCHAR":
        kept = [json.loads(text) for text in table.column()]
        assert kept == list(map(json.loads, values))
    else:
        text = " ".join(table.column())
        words = re.findall(r"[-:\w]{3,}", " ".join(values))
        assert all(word in text for word in words if word != "true"), text


def test_keys_that_are_null_or_absent_deeper_down_are_named(tmp_path):
    body = '{"v": {"x": 1, "y": null}}\n{"v": {"x": 2}}\n{"v": {"x": 3, "y": 4}}\n'

    table = read(tmp_path, body, name="a.jsonl")

    assert table.types == {"v": "STRUCT(x BIGINT, y BIGINT)"}
    (note,) = table.report["notes"]
    assert note.startswith("v: keys inside it are null in some objects and absent")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp949"])
def test_lines_above_and_comments_are_no_records(tmp_path, encoding):
    body = '5" 보고서\n# one\n{"a": "# 가"}\n# two\n{"a": "나"}\nx\n{"a": "다"}\n'

    table = read(
        tmp_path,
        body.encode(encoding),
        name="a.jsonl",
        encoding=encoding,
        skip_lines=1,
        comment="#",
    )

    assert table.column() == ["# 가", "나", "다"]
    assert table.report["rejected"]["rows"][0]["line"] == 6
    assert table.report["notes"] == [
        "1 line above the first was skipped.",
        "2 comments were skipped.",
    ]


@pytest.mark.parametrize(
    "values",
    [
        ["1e22", "1E400"],
        ["1.50", "1e400", "1E+2", "12", "-0"],
        ["1.50", '"x"'],
        ["1.0e0", "true", "null"],
        ["[1.50, 2]", '"x"', "2.10"],
        ['{"a":1.50}', '{"a":[1]}'],
        ['{"a":1.50}', f'{{"a":{BIG}}}'],
        ['{"a":1.50,"A":1E2}'],
    ],
)
def test_numbers_that_become_text_keep_their_spelling(tmp_path, values):
    lines = [f'{{"v": {value}, "w": 1.50}}\n' for value in values]

    table = read(tmp_path, "".join(lines), name="a.jsonl")

    assert table.types == {"v": "VARCHAR", "w": "DOUBLE"}
    kept = [None if value == "null" else value.replace(", ", ",") for value in values]
    assert table.column() == kept
    assert table.column(1) == ["1.5"] * len(values)


def test_numbers_that_are_text_by_choice_or_do_not_fit_are_named_as_spelled(tmp_path):
    body = '{"a": 1.50, "b": 2.50}\n{"a": 1e2, "b": 3}\n'

    table = read(tmp_path, body, name="a.jsonl", types={"a": "VARCHAR", "b": "BIGINT"})

    assert table.rows == [("1.50", None), ("1e2", "3")]
    (lost,) = table.cells["made_missing"]
    assert lost["rows"] == [{"row": 0, "text": "2.50"}]


def test_keys_repeated_inside_a_value_are_noted_with_its_column(tmp_path):
    lines = [
        '{"id": 1, "v": {"id": 1, "id": 2}}',
        '{"id": 2, "v": {"id": 3}}',
        '{"id": 3, "id": 4, "v": {"id": 5}}',
    ]
    notes = [
        "id: given twice in 1 lines, first in line 3; the last value was kept.",
        (
            "v: keys inside it are given twice in 1 lines, first in line 1; the last"
            " value of each was kept."
        ),
    ]

    for text in ("\n".join(lines), "[" + ",\n".join(lines) + "]"):
        table = read(tmp_path, text, name="a.jsonl")

        assert table.column() == ["1", "2", "4"]
        assert table.report["notes"] == notes


def test_items_of_an_array_are_named_by_their_lines(tmp_path):
    items = ['{"a":\n 1}', "5", '{"a": "\\ud83d"}', '{"a": "\xff"}', "null"]
    items += [f'{{"a": {i}}}' for i in range(10)]
    body = "// one\n[\n" + ",\n".join(items).replace("null", "\n\nnull") + "\n]\n"

    table = read(
        tmp_path,
        body.encode("latin-1"),
        name="a.json",
        encoding="utf-8",
        comment="//",
    )

    named = [(row["line"], row["reason"]) for row in table.report["rejected"]["rows"]]
    assert named == [
        (5, "not a JSON object"),
        (6, "half of a character"),
        (7, "bytes that are not UTF-8"),
        (10, "not a JSON object"),
    ]
    assert len(table.rows) == 11


@pytest.mark.parametrize("body", ["[1", '[{"a": 1},]', '[{"a": 1}] x', "[,]", "[[[["])
def test_an_array_that_is_no_json_is_refused(tmp_path, body):
    with pytest.raises(IngestRefused, match="not valid JSON"):
        read(tmp_path, body, name="a.json")


def test_lines_of_several_files_are_named_with_their_file(tmp_path):
    table = read(tmp_path, '{"a": 1}\n', '{"a": 1, "a": 2}\n', name="a.jsonl")

    assert table.report["notes"] == [
        (
            "a: given twice in 1 lines, first in line 1 of 1_a.jsonl; the last value was"
            " kept."
        )
    ]
