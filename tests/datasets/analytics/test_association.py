"""How far categories tell each other, and numbers."""

import pytest

from datasets.analytics.association import Measure, associate


def values(found):
    return {(p.feature1, p.feature2, p.measure): p.value for p in found.pairs}


def test_a_category_that_decides_another_and_a_number(parquet):
    table = parquet(
        "SELECT CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END AS side, i % 2 = 0 AS even,"
        " (i % 2) * 10.0 AS decided, hash(i) % 1000 AS noise FROM range(10000) t(i)"
    )

    found = values(associate(table))

    assert found["side", "even", Measure.CRAMERS_V] == pytest.approx(1)
    assert found["side", "decided", Measure.CORRELATION_RATIO] == pytest.approx(1)
    assert found["side", "noise", Measure.CORRELATION_RATIO] < 0.05


def test_gaps_are_left_out_pair_by_pair(parquet):
    table = parquet(
        "SELECT CASE WHEN i % 3 > 0 THEN 'k' || i % 2 END AS a,"
        " CASE WHEN i % 5 > 0 THEN 'm' || i % 2 END AS b FROM range(3000) t(i)"
    )

    (pair,) = associate(table).pairs

    assert pair.n == 1600
    assert pair.value == pytest.approx(1)


def test_undefined_associations_have_a_reason(parquet):
    table = parquet(
        "SELECT 'same' AS constant, 'v' || i % 3 AS a, 5.4 AS flat FROM range(90) t(i)"
    )

    reasons = {(u.feature1, u.feature2): u.reason for u in associate(table).undefined}

    assert reasons["constant", "a"] == "constant"
    assert reasons["a", "flat"] == "constant"


def test_columns_that_take_no_part_are_named(parquet):
    table = parquet(
        "SELECT 'v' || i AS names, DATE '2024-01-01' AS day FROM range(500) t(i)"
    )

    assert associate(table).excluded == (
        ("names", "too_many_categories"),
        ("day", "unsupported"),
    )


def test_the_least_number_of_a_type_is_a_number_like_others(parquet):
    table = parquet(
        "SELECT unnest(['a', 'b', 'a', 'b']) AS kind,"
        " unnest([-128, 127, -128, 127]::TINYINT[]) AS small,"
        " unnest([-9223372036854775808, 0, -9223372036854775808, 0]) AS big"
    )

    found = associate(table)

    assert [pair.value for pair in found.pairs] == [1.0, 1.0]
