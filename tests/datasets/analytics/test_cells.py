"""From DuckDB's types to JSON: nothing is lost in silence."""

import json

import pytest

from datasets.analytics import rows
from datasets.analytics.rows import Window


def only(parquet, expression):
    found = rows.page(parquet(f"SELECT {expression} AS x"), Window())
    json.dumps(found.rows, allow_nan=False)
    return found.rows[0]["x"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1", 1),
        ("9007199254740991::BIGINT", 9007199254740991),
        ("9007199254740993::BIGINT", "9007199254740993"),
        ("18446744073709551615::UBIGINT", "18446744073709551615"),
        ("1.10::DECIMAL(10,2)", "1.10"),
        ("12345678901234567890.123456789::DECIMAL(38,9)", "12345678901234567890.123456789"),
        ("0.1::DOUBLE", 0.1),
        ("true", True),
        ("DATE '2024-02-29'", "2024-02-29"),
        ("DATE 'infinity'", "infinity"),
        ("TIMESTAMP '2024-01-01 01:02:03.5'", "2024-01-01T01:02:03.5"),
        ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "2024-01-01T00:00:00.123456789"),
        ("TIMESTAMPTZ '2024-01-01 09:00:00+09'", "2024-01-01T00:00:00Z"),
        ("TIMESTAMP '20240-01-01 00:00:00'", "20240-01-01 00:00:00"),
        ("TIME '01:02:03'", "01:02:03"),
        ("INTERVAL 3 DAY", "3 days"),
        ("'한글 \U0001f600'", "한글 \U0001f600"),
        ("'\\xAA\\xBB'::BLOB", "qrs="),
        ("uuid '00000000-0000-0000-0000-000000000001'", "00000000-0000-0000-0000-000000000001"),
        ("[1, NULL]", [1, None]),
        ("{'a': 9007199254740993, 'b': 1.10::DECIMAL(4,2)}", {"a": "9007199254740993", "b": 1.1}),
        ("MAP {1: 'x'}", {"1": "x"}),
        ("NULL::DOUBLE", None),
    ],
)  # fmt: skip
def test_values_keep_what_they_say(parquet, expression, expected):
    assert only(parquet, expression) == expected


def test_nan_and_infinities_become_words_and_are_named(parquet):
    table = parquet(
        "SELECT * FROM (VALUES ('nan'::DOUBLE, ['inf'::DOUBLE]), ('-inf', [1]),"
        " (1, [2]), (NULL, NULL)) t(x, y)"
    )

    found = rows.page(table, Window())

    assert [row["x"] for row in found.rows] == ["NaN", "-Infinity", 1.0, None]
    assert found.rows[0]["y"] == ["Infinity"]
    assert found.non_finite == 3
    assert found.non_finite_cells == (
        (0, "x", "NaN"),
        (0, "y", "Infinity"),
        (1, "x", "-Infinity"),
    )


def test_long_cells_are_cut_and_named(parquet):
    table = parquet(
        "SELECT repeat('x', 5000) AS text, repeat('y', 900)::BLOB AS bytes,"
        " range(9000) AS list, 'short' AS fine"
    )

    found = rows.page(table, Window())

    shown = found.rows[0]
    assert shown["text"] == "x" * 1000 + "…"
    assert (len(shown["list"]), shown["list"][-1]) == (4001, "…")
    assert (len(shown["bytes"]), shown["bytes"][-1]) == (89, "…")
    assert shown["fine"] == "short"
    assert found.truncated == 3
    assert found.truncated_cells == ((0, "text"), (0, "bytes"), (0, "list"))
