"""Two tables, matched by a key: what was added, deleted and changed."""

import random

import pytest

from datasets.analytics.errors import InvalidParameter, UnknownColumn
from datasets.analytics.row_diff import (
    Comparison,
    DiffPage,
    RetypedDiffColumn,
    RowChange,
)

BEFORE = (
    "SELECT * FROM (VALUES (1, 'a', 1.5), (2, 'b', NULL), (3, 'c', 2.5), (4, 'd', 9.0))"
    " t(id, name, score)"
)
AFTER = (
    "SELECT * FROM (VALUES (4, 'd', 9.0), (2, 'B', NULL), (1, 'a', NULL), (5, 'e', 0.0))"
    " t(id, name, score)"
)


def test_rows_are_matched_by_key_whatever_their_order(parquet):
    compared = Comparison(parquet(BEFORE), parquet(AFTER), ["id"])

    found = compared.summary()

    assert (found.added, found.deleted, found.changed, found.unchanged) == (1, 1, 2, 1)
    assert found.changed_cells == {"name": 1, "score": 1}
    rows = compared.rows(DiffPage())
    assert [(row.change, row.columns) for row in rows] == [
        (RowChange.CHANGED, ("score",)),
        (RowChange.CHANGED, ("name",)),
        (RowChange.DELETED, ()),
        (RowChange.ADDED, ()),
    ]
    assert rows[0].before == {"id": 1, "name": "a", "score": "1.5"}
    assert rows[0].after == {"id": 1, "name": "a", "score": None}
    assert (rows[2].after, rows[3].before) == (None, None)


def test_keys_that_repeat_or_are_missing_are_set_aside_and_said(parquet):
    one = parquet("SELECT unnest([1, 1, 2, 3, NULL]) AS id, 'x' AS v")
    other = parquet("SELECT unnest([1, 2, 2, 3, NULL, NULL]) AS id, 'y' AS v")

    found = Comparison(one, other, ["id"]).summary()

    assert (found.added, found.deleted, found.changed, found.unchanged) == (0, 0, 1, 0)
    assert (found.before.missing_keys, found.after.missing_keys) == (1, 2)
    assert (found.before.repeated_keys, found.before.repeated_rows) == (1, 2)
    assert found.after.examples == ({"key": {"id": "2"}, "rows": 2},)
    assert found.beside == 2


def test_keys_that_repeat_are_shown_as_the_rows_show_them(parquet):
    one = parquet(
        "SELECT unnest(['nan', '-nan', 'inf', 'inf', '-inf', '-inf', '2', '2']::FLOAT[])"
        " AS id, TIMESTAMP '2024-01-05 09:30:00' AS t"
    )

    found = Comparison(one, one, ["id", "t"]).summary()

    keys = [example["key"] for example in found.before.examples]
    assert {key["t"] for key in keys} == {"2024-01-05T09:30:00"}
    assert [key["id"] for key in keys] == ["-Infinity", "2.0", "Infinity", "NaN"]


def test_other_columns_and_types_are_said_and_common_types_compared(parquet):
    one = parquet("SELECT 1 AS id, 2::INTEGER AS n, 'x' AS t, 1 AS gone, 5 AS odd")
    other = parquet(
        "SELECT 1::BIGINT AS id, 2.0::DOUBLE n, 'x' t, 1 AS new, 'v' AS odd"
    )

    found = Comparison(one, other, ["id"]).summary()

    assert found.unchanged == 1
    assert [column.name for column in found.added_columns] == ["new"]
    assert [column.name for column in found.removed_columns] == ["gone"]
    assert RetypedDiffColumn("n", "INTEGER", "DOUBLE") in found.retyped_columns
    assert found.not_compared == ("odd",)
    assert found.compared == ("n", "t")


def test_whole_numbers_beyond_a_doubles_digits_differ_from_their_neighbours(parquet):
    one = parquet("SELECT 1 AS id, 9007199254740993::BIGINT AS n")
    other = parquet("SELECT 1 AS id, 9007199254740992::DOUBLE AS n")

    assert Comparison(one, other, ["id"]).summary().changed == 1


@pytest.mark.parametrize("whole", ["BIGINT", "UBIGINT"])
@pytest.mark.parametrize("near", [2**53, 2**60, 2**62])
def test_keys_beyond_a_doubles_digits_do_not_meet_their_neighbours(
    parquet, whole, near
):
    listed = f"[{near}, {near + 1}, {near + 1}, 7, 0, NULL]::{whole}[]"
    one = parquet(f"SELECT unnest({listed}) AS id, 1 AS v")
    doubles = f"['{near}', '-0.0', '7', '0.5', 'nan']::DOUBLE[]"
    other = parquet(f"SELECT unnest({doubles}) AS id, 1 AS v")

    for before, after in ((one, other), (other, one)):
        compared = Comparison(before, after, ["id"])
        found, rows = compared.summary(), compared.rows(DiffPage())

        assert (found.unchanged, found.beside) == (3, 0)
        assert {found.added, found.deleted} == {2, 0} == {len(rows), 0}
        (aside,) = (a for a in (found.before, found.after) if a.repeated_keys)
        assert (aside.missing_keys, aside.repeated_rows) == (1, 2)
        assert aside.examples[0]["key"] == {"id": str(near + 1)}


def test_missing_empty_and_not_a_number_are_told_apart(parquet):
    one = parquet(
        "SELECT unnest([1, 2, 3]) id, unnest(['', NULL, 'x']) t,"
        " unnest(['nan', 'nan', NULL]::DOUBLE[]) d"
    )
    other = parquet(
        "SELECT unnest([1, 2, 3]) id, unnest([NULL, NULL, 'x']) t,"
        " unnest(['nan', NULL, NULL]::DOUBLE[]) d"
    )

    rows = Comparison(one, other, ["id"]).rows(DiffPage())

    assert [row.columns for row in rows] == [("t",), ("d",)]


def test_a_key_of_no_column_or_of_other_types_is_refused(parquet):
    one = parquet("SELECT 1 AS id, 'x' AS v")
    other = parquet("SELECT 'a' AS id, 'x' AS v")

    with pytest.raises(InvalidParameter):
        Comparison(one, other, ["id"])
    with pytest.raises(InvalidParameter):
        Comparison(one, other, [])
    with pytest.raises(UnknownColumn):
        Comparison(one, other, ["nothing"])


def test_pages_are_a_partition_and_agree_with_an_oracle(parquet):
    rng = random.Random(5)  # noqa: S311 - rows of a test
    keys = [(i // 40, i % 40) for i in range(1_600)]
    old = {key: rng.randrange(4) for key in rng.sample(keys, 1_400)}
    new = {key: rng.randrange(4) for key in rng.sample(keys, 1_400)}

    compared = Comparison(_table(parquet, old), _table(parquet, new), ["k", "l"])

    found = []
    while page := compared.rows(DiffPage(offset=len(found), limit=97)):
        found += page
    expected = [
        (key, old.get(key), new.get(key))
        for key in sorted(keys)
        if old.get(key) != new.get(key)
    ]
    assert [
        (_key(row), row.before and row.before["v"], row.after and row.after["v"])
        for row in found
    ] == expected
    summary = compared.summary()
    assert summary.added + summary.deleted + summary.changed == len(expected)
    only = compared.rows(DiffPage(limit=1_000, changes=frozenset({RowChange.DELETED})))
    assert len(only) == summary.deleted


def _table(parquet, rows):
    items = list(rows.items())
    random.Random(len(items)).shuffle(items)  # noqa: S311 - rows of a test
    listed = ", ".join(f"({k}, {part}, {v})" for (k, part), v in items)
    return parquet(f"SELECT * FROM (VALUES {listed}) t(k, l, v)", ROW_GROUP_SIZE=2048)


def _key(row):
    values = row.before or row.after
    return values["k"], values["l"]
