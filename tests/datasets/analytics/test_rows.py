"""Pages, samples, filters and search."""

import unicodedata

import pytest

from datasets.analytics import rows
from datasets.analytics.errors import (
    InvalidFilter,
    InvalidParameter,
    SourceMissing,
    UnknownColumn,
)
from datasets.analytics.filters import Condition, Operator, Order
from datasets.analytics.rows import SampleMethod, Window

NUMBERS = "SELECT i, i % 7 AS rest, 'name ' || i AS name FROM range(300000) t(i)"


def ids(found):
    return [row["i"] for row in found.rows]


def test_pages_follow_the_order_of_the_file(parquet):
    table = parquet(NUMBERS)

    found = rows.page(table, Window(offset=299_990, limit=20, columns=["i"]))

    assert ids(found) == list(range(299_990, 300_000))
    assert found.total == 300_000


def test_equal_values_do_not_repeat_on_the_next_page(parquet):
    table = parquet(NUMBERS)
    order = [Order("rest", descending=True)]

    pages = [
        rows.page(table, Window(start, 50, order_by=order)) for start in (0, 50, 100)
    ]

    seen = [i for page in pages for i in ids(page)]
    assert seen == [6 + 7 * index for index in range(150)]


def test_missing_values_and_nan_sort_last_either_way(parquet):
    table = parquet(
        "SELECT * FROM (VALUES (1, 2.0), (2, NULL), (3, 'nan'::DOUBLE), (4, 1.0)) t(i, x)"
    )

    up = rows.page(table, Window(order_by=[Order("x")]))
    down = rows.page(table, Window(order_by=[Order("x", descending=True)]))

    assert ids(up)[:2] == [4, 1]
    assert ids(down)[:2] == [1, 4]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        (Operator.EQUAL, 3, [3]),
        (Operator.NOT_EQUAL, 0, [1, 2, 3, 4]),
        (Operator.LESS, 2, [0, 1]),
        (Operator.AT_MOST, 2, [0, 1, 2]),
        (Operator.GREATER, 3, [4]),
        (Operator.AT_LEAST, 3.5, [4]),
        (Operator.IN, [1, "4"], [1, 4]),
        (Operator.NOT_IN, [1, 4], [0, 2, 3]),
        (Operator.BETWEEN, [1, 3], [1, 2, 3]),
        (Operator.IS_NULL, None, [5]),
        (Operator.NOT_NULL, None, [0, 1, 2, 3, 4]),
    ],
)
def test_conditions_compare(parquet, operator, value, expected):
    table = parquet("SELECT i, CASE WHEN i < 5 THEN i END AS x FROM range(6) t(i)")

    found = rows.page(table, Window(), [Condition("x", operator, value)])

    assert ids(found) == expected
    assert found.total == len(expected)


def test_text_conditions_take_wildcards_literally(parquet):
    table = parquet("SELECT * FROM (VALUES (1, 'a%b'), (2, 'aXb'), (3, 'b_')) t(i, s)")

    found = rows.page(table, Window(), [Condition("s", Operator.CONTAINS, "%")])
    ends = rows.page(table, Window(), [Condition("s", Operator.ENDS_WITH, "_")])

    assert ids(found) == [1]
    assert ids(ends) == [3]


def test_decimals_are_compared_exactly(parquet):
    table = parquet("SELECT i, (i / 10)::DECIMAL(10,1) AS x FROM range(10) t(i)")

    found = rows.page(table, Window(), [Condition("x", Operator.EQUAL, "0.3")])

    assert ids(found) == [3]


LONGEST = {
    "18446744073709551615": "UBIGINT",
    "99999999999999999999999999999999999999": "DECIMAL(38, 0)",
    "0.000000000000000001": "DECIMAL(38, 18)",
    "-9223372036854775808": "BIGINT",
}


@pytest.mark.parametrize(("value", "kind"), LONGEST.items())
def test_the_longest_number_of_a_type_can_be_asked_for(parquet, value, kind):
    table = parquet(f"SELECT unnest(['1', '{value}'])::{kind} AS x")
    condition = Condition("x", Operator.EQUAL, value)

    found = rows.page(table, Window(), [condition])

    assert found.total == 1


@pytest.mark.parametrize("value", [0.5, "0.5", 1e30])
def test_a_number_that_no_cell_could_hold_is_compared_all_the_same(parquet, value):
    table = parquet(f"SELECT unnest(['0', '{'9' * 38}'])::DECIMAL(38, 0) AS x")

    above = rows.page(table, Window(), [Condition("x", Operator.GREATER, value)])
    equal = rows.page(table, Window(), [Condition("x", Operator.EQUAL, value)])

    assert (above.total, equal.total) == (1, 0)


def test_times_and_truth_values_are_compared(parquet):
    table = parquet(
        "SELECT i, TIMESTAMP '2024-01-01' + to_days(i::INTEGER) AS at, i > 2 AS b"
        " FROM range(5) t(i)"
    )
    conditions = [
        Condition("at", Operator.AT_LEAST, "2024-01-03T00:00:00"),
        Condition("b", Operator.EQUAL, value=True),
    ]

    assert ids(rows.page(table, Window(), conditions)) == [3, 4]


@pytest.mark.parametrize(
    ("column", "operator", "value"),
    [
        ("i", Operator.EQUAL, "1; DROP TABLE x"),
        ("i", Operator.EQUAL, True),
        ("i", Operator.EQUAL, "NaN"),
        ("i", Operator.EQUAL, {"a": 1}),
        ("i", Operator.IN, []),
        ("i", Operator.IN, list(range(2000))),
        ("i", Operator.BETWEEN, [1]),
        ("i", Operator.CONTAINS, "1"),
        ("name", Operator.EQUAL, 5),
        ("name", Operator.EQUAL, "a\x00"),
        ("name", Operator.EQUAL, "\ud800"),
        ("nested", Operator.EQUAL, [1]),
    ],
)
def test_a_condition_that_cannot_apply_is_refused_with_its_place(
    parquet, column, operator, value
):
    table = parquet("SELECT 1 AS i, 'a' AS name, [1] AS nested")
    good = Condition("i", Operator.NOT_NULL)

    with pytest.raises(InvalidFilter) as refused:
        rows.page(table, Window(), [good, Condition(column, operator, value)])

    assert refused.value.extra["position"] == 1


def test_an_unknown_column_is_named_with_those_there_are(parquet):
    table = parquet("SELECT 1 AS a, 2 AS b")

    with pytest.raises(UnknownColumn) as refused:
        rows.page(table, Window(columns=["A"]))

    assert refused.value.extra["columns"] == ["a", "b"]


def test_hostile_names_are_only_names(parquet):
    name = 'x"; DROP TABLE y; --'
    quoted = name.replace('"', '""')
    table = parquet(f'SELECT 1 AS "{quoted}", 2 AS "select", 3 AS "a.b", 4 AS "한글"')

    found = rows.page(
        table,
        Window(order_by=[Order(name)], columns=[name, "select", "a.b", "한글"]),
        [Condition(name, Operator.EQUAL, 1)],
    )

    assert found.rows == [{name: 1, "select": 2, "a.b": 3, "한글": 4}]


def test_search_finds_text_in_any_case_and_equal_numbers(parquet):
    table = parquet("SELECT i, 'Name ' || i AS name FROM range(100) t(i)")

    assert ids(rows.search(table, "NAME 42", Window())) == [42]
    assert ids(rows.search(table, "42", Window())) == [42]
    assert ids(rows.search(table, "no such", Window())) == []
    assert ids(rows.search(table, "4.5", Window())) == []


@pytest.mark.parametrize("text", ["300", "-129", "4.5", "99999999999999999999999"])
def test_search_passes_over_columns_that_cannot_hold_the_number(parquet, text):
    table = parquet(
        f"SELECT 1::TINYINT AS small, 4.4::DECIMAL(2, 1) AS x, 'is {text}' AS name"
    )

    assert rows.search(table, text, Window()).total == 1


def test_search_works_without_text_columns(parquet):
    table = parquet("SELECT i, i / 2 AS half FROM range(10) t(i)")

    assert ids(rows.search(table, "4.5", Window())) == [9]
    assert ids(rows.search(table, "word", Window())) == []


def test_a_random_sample_repeats_with_its_seed(parquet):
    table = parquet(NUMBERS)

    one = rows.sample(table, Window(limit=50), method=SampleMethod.RANDOM, seed=1)
    same = rows.sample(table, Window(limit=50), method=SampleMethod.RANDOM, seed=1)
    other = rows.sample(table, Window(limit=50), method=SampleMethod.RANDOM, seed=2)

    assert one.rows == same.rows
    assert ids(one) == sorted(ids(one))
    assert len(set(ids(one))) == 50
    assert ids(one) != ids(other)
    assert max(ids(one)) > 100_000


def test_a_sample_of_a_small_table_is_the_table(parquet):
    table = parquet("SELECT i FROM range(10) t(i)")

    found = rows.sample(table, Window(limit=50), method=SampleMethod.RANDOM)

    assert ids(found) == list(range(10))


def test_a_stratified_sample_keeps_proportions_and_rare_values(parquet):
    table = parquet(
        "SELECT i, CASE WHEN i < 10 THEN 'rare' WHEN i % 4 = 0 THEN 'b' ELSE 'a' END"
        " AS kind FROM range(40000) t(i)"
    )

    found = rows.sample(
        table, Window(limit=100), method=SampleMethod.STRATIFIED, stratify_by="kind"
    )

    kinds = [row["kind"] for row in found.rows]
    assert len(kinds) == 100
    assert kinds.count("rare") == 1
    assert 22 <= kinds.count("b") <= 28


@pytest.mark.parametrize("window", [{"limit": 0}, {"limit": 1001}, {"offset": -1}])
def test_windows_have_limits(window):
    with pytest.raises(InvalidParameter):
        Window(**window)


def test_a_stratified_sample_needs_a_column(parquet):
    with pytest.raises(InvalidParameter):
        rows.sample(parquet("SELECT 1 AS i"), Window(), method=SampleMethod.STRATIFIED)


def test_a_path_with_a_glob_would_read_other_files(data):
    (data / "a1.parquet").touch()

    with pytest.raises(ValueError, match="glob"):
        rows.page(data / "a?.parquet", Window())


def test_a_lost_file_is_said_to_be_missing(data):
    with pytest.raises(SourceMissing):
        rows.page(data / "gone.parquet", Window())


def matching(table, column, operator, value):
    found = rows.page(table, Window(), [Condition(column, Operator(operator), value)])
    return found.total


def test_a_float_column_holds_the_values_that_it_shows(parquet):
    table = parquet("SELECT unnest([0.1, 0.2, 1e30]::FLOAT[]) AS x")

    assert matching(table, "x", "eq", 0.1) == 1
    assert matching(table, "x", "in", [0.1, 0.2]) == 2
    assert matching(table, "x", "le", 1e300) == 3


def test_an_offset_is_compared_or_refused_but_never_dropped(parquet):
    table = parquet(
        "SELECT TIMESTAMP '2024-01-01 01:00:00' AS plain,"
        " TIMESTAMPTZ '2024-01-01 01:00:00+09' AS zoned,"
        " TIMESTAMP_NS '2024-01-01 01:00:00.123456789' AS fine"
    )

    assert matching(table, "zoned", "eq", "2023-12-31T16:00:00Z") == 1
    assert matching(table, "zoned", "eq", "2024-01-01T01:00:00+09:00") == 1
    assert matching(table, "fine", "eq", "2024-01-01T01:00:00.123456789") == 1
    assert matching(table, "fine", "eq", "2024-01-01T01:00:00.123456") == 0
    with pytest.raises(InvalidFilter):
        matching(table, "plain", "eq", "2024-01-01T01:00:00+09:00")
    with pytest.raises(InvalidFilter):
        matching(table, "plain", "eq", "2024-01-01T01:00:00.0000001")


def test_composed_and_decomposed_text_is_found_alike(parquet):
    table = parquet("SELECT '서울' AS t UNION ALL SELECT nfc_normalize('서울')")
    decomposed = unicodedata.normalize("NFD", "서울")
    mixed = parquet(f"SELECT '서울' AS t UNION ALL SELECT '{decomposed}'")

    for place in (table, mixed):
        assert matching(place, "t", "eq", "서울") == 2
        assert matching(place, "t", "contains", decomposed) == 2
        assert matching(place, "t", "in", [decomposed]) == 2
        assert rows.search(place, decomposed, Window()).total == 2


def test_a_part_of_a_text_is_found_in_either_form_or_in_neither(parquet):
    decomposed = unicodedata.normalize("NFD", "café")
    for text in ("café", decomposed):
        table = parquet(f"SELECT '{text}' AS t")
        assert matching(table, "t", "contains", "cafe") == 0
        assert matching(table, "t", "starts_with", "caf") == 1
        assert matching(table, "t", "gt", "cafz") == 1
        assert matching(table, "t", "between", ["cafz", "d"]) == 1
        assert matching(table, "t", "between", ["cafa", "cafz"]) == 0
        assert rows.search(table, "CAFE", Window()).total == 0
        assert rows.search(table, "CAFÉ", Window()).total == 1
