"""Groups of rows and what they come to."""

import math

import pytest

from datasets.analytics import grouping
from datasets.analytics.aggregates import Aggregate, Function
from datasets.analytics.errors import InvalidParameter, UnknownColumn
from datasets.analytics.filters import Condition, Operator, Order
from datasets.analytics.grouping import Grouping

COUNT = Aggregate(Function.COUNT)


def of(name, column, fraction=None):
    return Aggregate(Function(name), column, fraction)


def values(found, label):
    return {tuple(group.key.values()): group.values[label] for group in found.groups}


def test_sums_of_whole_numbers_have_every_digit(parquet):
    table = parquet("SELECT 9223372036854775807 AS i, 1 AS k FROM range(1000)")

    found = grouping.group(table, Grouping(["k"], [of("sum", "i")]))

    assert values(found, "sum(i)") == {(1,): "9223372036854775807000"}
    assert found.figures[0].is_exact


def test_sums_of_decimals_grow_beyond_38_digits(parquet):
    table = parquet(
        "SELECT k, x::DECIMAL(38,3) AS x FROM (VALUES"
        " ('a', '99999999999999999999999999999999999.999'),"
        " ('a', '99999999999999999999999999999999999.999'),"
        " ('b', '-0.001'), ('b', '-0.001'), ('c', NULL)) t(k, x)"
    )

    found = grouping.group(table, Grouping(["k"], [of("sum", "x")]))

    assert values(found, "sum(x)") == {
        ("a",): "199999999999999999999999999999999999.998",
        ("b",): "-0.002",
        ("c",): None,
    }


def test_short_decimals_are_added_as_decimals(parquet):
    table = parquet("SELECT 0.10::DECIMAL(9,2) AS x FROM range(30)")

    found = grouping.group(table, Grouping([], [of("sum", "x"), of("mean", "x")]))

    assert found.groups[0].values == {"sum(x)": "3.00", "mean(x)": 0.1}


def test_what_is_not_finite_is_left_out_and_counted(parquet):
    table = parquet(
        "SELECT k, x::DOUBLE AS x FROM (VALUES ('a', '1'), ('a', 'nan'), ('a', 'inf'),"
        " ('a', NULL), ('b', '2'), ('c', 'nan')) t(k, x)"
    )
    figures = [
        of(name, "x")
        for name in ("count", "missing", "nan", "infinite", "sum", "max", "distinct")
    ]

    found = grouping.group(table, Grouping(["k"], figures))

    assert [list(group.values.values()) for group in found.groups] == [
        [3, 1, 1, 1, 1.0, 1.0, 2],
        [1, 0, 0, 0, 2.0, 2.0, 1],
        [1, 0, 1, 0, None, None, 0],
    ]
    assert [group.left_out for group in found.groups] == [
        {"x": {"nan": 1, "infinite": 1}},
        {},
        {"x": {"nan": 1, "infinite": 0}},
    ]


def test_missing_nan_and_infinite_keys_are_groups_of_their_own(parquet):
    table = parquet(
        "SELECT x::DOUBLE AS x FROM (VALUES ('nan'), ('nan'), (NULL), ('inf'),"
        " ('-inf'), ('0'), ('-0')) t(x)"
    )

    found = grouping.group(table, Grouping(["x"]))

    assert values(found, "count") == {
        ("-Infinity",): 1,
        (0.0,): 2,
        ("Infinity",): 1,
        ("NaN",): 2,
        (None,): 1,
    }


@pytest.mark.parametrize("size", [1.0, 1e-200, 1e200, 1e300])
def test_figures_of_floats_hold_at_every_size(parquet, size):
    table = parquet(f"SELECT i * {size}::DOUBLE AS x FROM range(1, 5) t(i)")

    found = grouping.group(table, Grouping([], [of("mean", "x"), of("std", "x")]))

    mean, std = found.groups[0].values.values()
    assert math.isclose(mean, 2.5 * size, rel_tol=1e-12)
    assert math.isclose(std, math.sqrt(5 / 3) * size, rel_tol=1e-12)


def test_small_groups_keep_their_size_beside_large_ones(parquet):
    table = parquet(
        "SELECT k, x::DOUBLE AS x FROM"
        " (VALUES (1, 1e-300), (1, -1e-300), (2, 1e300), (2, -1e300), (3, 0), (3, 0))"
        " t(k, x)"
    )

    found = grouping.group(table, Grouping(["k"], [of("std", "x"), of("mean", "x")]))

    first, second, third = values(found, "std(x)").values()
    assert math.isclose(first, math.sqrt(2) * 1e-300, rel_tol=1e-12)
    assert math.isclose(second, math.sqrt(2) * 1e300, rel_tol=1e-12)
    assert (third, found.groups[2].values["mean(x)"]) == (0.0, 0.0)


def test_a_sum_that_no_double_holds_is_said_to_overflow(parquet):
    table = parquet("SELECT 1e308::DOUBLE AS x FROM range(2)")

    (found,) = grouping.group(table, Grouping([], [of("sum", "x")])).groups

    assert found.values == {"sum(x)": "Infinity"}
    assert (found.overflowed, found.left_out) == (("sum(x)",), {})


def test_the_spread_of_long_numbers_is_that_of_their_differences(parquet):
    table = parquet("SELECT 9007199254740993 + i AS id FROM range(3) t(i)")

    (found,) = grouping.group(table, Grouping([], [of("std", "id")])).groups

    assert found.values == {"std(id)": 1.0}


@pytest.mark.parametrize(
    ("kind", "far"),
    [
        ("BIGINT", 9_100_000_000_000_000_001),
        ("UBIGINT", 18_000_000_000_000_000_001),
        ("DECIMAL(38,2)", 90_000_000_000_000_000_000_000_000_000_000_000),
    ],
)
def test_the_spread_of_each_group_is_exact_however_far_groups_are_apart(
    parquet, kind, far
):
    cell = f"CAST(CASE WHEN i < 3 THEN i ELSE {far} + i END AS {kind})"
    table = parquet(f"SELECT i // 3 AS g, {cell} AS x FROM range(6) t(i)")

    found = grouping.group(table, Grouping(["g"], [of("std", "x")]))

    assert values(found, "std(x)") == {(0,): 1.0, (1,): 1.0}


def test_decimals_of_both_signs_and_all_digits_have_a_spread(parquet):
    most = "9" * 38
    table = parquet(
        f"SELECT CAST(x AS DECIMAL(38,0)) AS x FROM (VALUES ('-{most}'), ('{most}'))"
        " t(x)"
    )

    (found,) = grouping.group(table, Grouping([], [of("std", "x")])).groups

    assert found.values["std(x)"] == pytest.approx(2e38 / math.sqrt(2))


def test_pages_part_the_groups_in_one_order(parquet):
    table = parquet(
        "SELECT i % 500 AS a, i % 3 AS b, random() AS x FROM range(20000) t(i)"
    )
    figures, order = [COUNT, of("sum", "x")], [Order("count", descending=True)]

    def page(offset, limit):
        asked = Grouping(["a", "b"], figures, order, offset, limit)
        return grouping.group(table, asked)

    whole = page(0, 1000)
    pages = [page(offset, 70) for offset in range(0, 1500, 70)]

    assert whole.total == 1500
    assert whole.row_count == 20_000
    seen = [group for part in pages for group in part.groups]
    assert len(seen) == 1500
    assert seen[:1000] == list(whole.groups)
    assert len({tuple(group.key.values()) for group in seen}) == 1500


def test_a_page_behind_the_last_one_still_says_how_many_there_are(parquet):
    table = parquet("SELECT i % 3 AS k FROM range(10) t(i)")

    found = grouping.group(table, Grouping(["k"], offset=10))

    assert (found.groups, found.total, found.row_count) == ((), 3, 10)


def test_only_rows_of_the_filter_and_the_search_are_grouped(parquet):
    table = parquet("SELECT i % 2 AS k, i, 'name ' || i AS name FROM range(100) t(i)")
    conditions = [Condition("i", Operator.LESS, 50)]

    found = grouping.group(table, Grouping(["k"]), conditions, "NAME 4")

    assert values(found, "count") == {(0,): 6, (1,): 5}


def test_no_rows_are_no_groups_and_one_without_keys(parquet):
    table = parquet("SELECT i FROM range(5) t(i)")
    none = [Condition("i", Operator.GREATER, 10)]

    assert grouping.group(table, Grouping(["i"]), none).groups == ()
    (found,) = grouping.group(table, Grouping([], [COUNT, of("sum", "i")]), none).groups
    assert found.values == {"count": 0, "sum(i)": None}


def test_columns_may_be_called_what_we_call_ours(parquet):
    names = ["size", "key_0", "value_0", "nan_0", "inf_0", "grouped", "count(*)"]
    cells = ", ".join(f'i % 2 + {n} AS "{name}"' for n, name in enumerate(names))
    table = parquet(f'SELECT {cells}, (1e200 * i)::DOUBLE AS " 0" FROM range(10) t(i)')
    figures = [COUNT, *(of("sum", name) for name in [*names, " 0"])]

    found = grouping.group(table, Grouping(names[:3], figures))

    assert [list(group.key.values()) for group in found.groups] == [
        [0, 1, 2],
        [1, 2, 3],
    ]
    assert [group.values["sum(size)"] for group in found.groups] == [0, 5]
    assert [group.values["sum(count(*))"] for group in found.groups] == [30, 35]


def test_times_have_medians_that_are_there(parquet):
    table = parquet(
        "SELECT d::TIMESTAMP AS d FROM (VALUES ('2024-01-01'), ('2024-01-03 01:00'),"
        " ('infinity')) t(d)"
    )

    figures = [of("median", "d"), of("max", "d"), of("quantile", "d", 1.0)]
    (found,) = grouping.group(table, Grouping([], figures)).groups

    assert list(found.values.values()) == [
        "2024-01-01T00:00:00",
        "2024-01-03T01:00:00",
        "2024-01-03T01:00:00",
    ]
    assert found.left_out == {"d": {"nan": 0, "infinite": 1}}


@pytest.mark.parametrize(
    ("by", "figures", "order", "field"),
    [
        (["x"], [of("sum", "name")], [], "aggregates"),
        (["x"], [of("sum", None)], [], "aggregates"),
        (["x"], [of("median", "x", 0.5)], [], "aggregates"),
        (["x"], [of("quantile", "x")], [], "aggregates"),
        (["listed"], [COUNT], [], "by"),
        (["x"], [COUNT, COUNT], [], "aggregates"),
        (["x"], [Aggregate(Function.COUNT, name="x")], [], "aggregates"),
        (["x"], [COUNT], [Order("name")], "order_by"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(parquet, by, figures, order, field):
    table = parquet("SELECT 1 AS x, 'a' AS name, [1] AS listed")

    with pytest.raises(InvalidParameter) as refused:
        grouping.group(table, Grouping(by, figures, order))

    assert refused.value.field == field


def test_an_unknown_column_is_refused(parquet):
    with pytest.raises(UnknownColumn):
        grouping.group(parquet("SELECT 1 AS x"), Grouping(["y"]))
