"""Correlations against a two-pass reference in extended precision."""

import tracemalloc
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.analytics import correlation
from datasets.analytics.correlation import (
    CoMoments,
    CorrelationMethod,
    Reason,
    correlate,
)
from datasets.analytics.correlation.blocks import Partition, partitions
from datasets.analytics.errors import InvalidParameter, UnknownColumn

TOLERANCE = 1e-8


def write(folder, columns, *, group_rows=20_480):
    """Write columns (None for a gap) in several row groups; return the path."""
    arrays = {
        name: pa.array(values, from_pandas=False) for name, values in columns.items()
    }
    path = folder / "table.parquet"
    pq.write_table(pa.table(arrays), path, row_group_size=group_rows)
    return path


def with_gaps(values, gaps):
    return pa.array(values, mask=gaps)


def reference(x, y, common):
    x, y = x[common].astype(np.longdouble), y[common].astype(np.longdouble)
    x, y = x - x.mean(), y - y.mean()
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) / np.sqrt((x @ x) * (y @ y)))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_equals_two_passes_even_at_1e9_with_gaps(data, rng):
    rows, gaps = 100_000, {}
    common = rng.standard_normal(rows)
    columns = {
        f"x{index}": rng.standard_normal(rows) + common * index / 3
        for index in range(6)
    }
    columns["x0"] = 1e9 + 0.001 * (columns["x0"] + common)
    for name in ("x0", "x3"):
        gaps[name] = rng.random(rows) < 0.03
    shown = {
        name: with_gaps(values, gaps.get(name)) for name, values in columns.items()
    }

    found = correlate(write(data, shown))

    present = {name: ~gaps.get(name, np.zeros(rows, bool)) for name in columns}
    for pair in found.pairs():
        both = present[pair.feature1] & present[pair.feature2]
        expected = reference(columns[pair.feature1], columns[pair.feature2], both)
        assert pair.correlation == pytest.approx(expected, abs=TOLERANCE)
        assert pair.n == both.sum()
    assert found.undefined() == []


@pytest.mark.parametrize("factor", [1e-200, 1e-30, 1.0, 1e150, 1e300])
def test_the_unit_of_a_column_does_not_matter(data, rng, factor):
    x = rng.standard_normal(5_000)
    y = x + rng.standard_normal(5_000)

    found = correlate(write(data, {"x": x * factor, "y": y}))

    assert found.matrix[0, 1] == pytest.approx(
        reference(x, y, np.ones(5_000, bool)), abs=TOLERANCE
    )


def test_nan_and_infinities_count_as_missing(data, rng):
    x, y = rng.standard_normal((2, 50_000))
    y += x
    bad = rng.random(50_000) < 0.01
    dirty = np.where(bad, np.where(x > 0, np.inf, np.nan), x)

    found = correlate(write(data, {"x": dirty, "y": y}))

    assert found.matrix[0, 1] == pytest.approx(reference(x, y, ~bad), abs=TOLERANCE)
    assert found.counts[0, 1] == (~bad).sum()


def test_an_outlier_whose_partner_is_missing_takes_no_digits(data, rng):
    x, y = rng.standard_normal((2, 60_000))
    y += x
    gap = np.zeros(60_000, bool)
    gap[30_000] = True
    outlier = x.copy()
    outlier[30_000] = 1e12

    found = correlate(write(data, {"x": outlier, "y": with_gaps(y, gap)}))

    assert found.matrix[0, 1] == pytest.approx(reference(x, y, ~gap), abs=TOLERANCE)


def test_a_pair_that_lives_far_from_the_rest_of_its_column_is_computed_again(data, rng):
    rows = 60_000
    far = np.arange(rows) % 3 == 0
    x = np.where(
        far, 1e9 + 0.001 * rng.standard_normal(rows), rng.standard_normal(rows)
    )
    y = np.where(far, (x - 1e9) * 1000 + rng.standard_normal(rows), 0.0)

    found = correlate(write(data, {"x": x, "y": with_gaps(y, ~far)}))

    assert found.matrix[0, 1] == pytest.approx(reference(x, y, far), abs=1e-7)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ([5.4] * 100, Reason.CONSTANT),
        ([0.1 + 0.2, 0.3] * 50, Reason.CONSTANT),
        ([1.0, 2.0] + [None] * 98, Reason.TOO_FEW_PAIRS),
        ([None] * 100, Reason.TOO_FEW_PAIRS),
        ([float("nan")] * 100, Reason.TOO_FEW_PAIRS),
    ],
)
def test_an_undefined_pair_has_a_reason_and_no_number(data, column, reason):
    table = write(
        data, {"x": pa.array(column, pa.float64()), "y": list(map(float, range(100)))}
    )

    found = correlate(table)

    assert found.pairs() == []
    assert [pair.reason for pair in found.undefined()] == [reason]
    assert found.rows() == [
        [1.0 if reason is None else found.rows()[0][0], None],
        [None, 1.0],
    ]
    assert not any(value != value for row in found.rows() for value in row if value)  # noqa: PLR0124


def test_a_column_constant_only_where_its_partner_is_present_is_constant(data, rng):
    half = np.arange(10_000) % 2 == 0
    x = np.where(half, 5.4, rng.standard_normal(10_000))

    found = correlate(
        write(data, {"x": x, "y": with_gaps(rng.standard_normal(10_000), ~half)})
    )

    assert [pair.reason for pair in found.undefined()] == [Reason.CONSTANT]


def test_equal_and_opposite_columns_are_exactly_one(data, rng):
    x = rng.standard_normal(100_000)

    found = correlate(write(data, {"x": x, "same": x, "not": -x}))

    assert found.matrix[0, 1] == 1.0
    assert found.matrix[0, 2] == -1.0
    assert np.abs(found.matrix).max() <= 1.0


@pytest.mark.parametrize("count", [2, 7, 40])
def test_copies_are_exactly_one_wherever_sums_are_cut(data, rng, count):
    x = rng.standard_normal(50_000) + 1000
    gaps = rng.random(50_000) < 0.03
    copies = {
        f"c{i}": with_gaps(x * (-2.5) ** i, gaps if i % 2 else None)
        for i in range(count)
    }

    found = correlate(write(data, copies, group_rows=7_000))

    assert set(np.abs(found.matrix).ravel()) == {1.0}


def test_what_is_nearly_one_and_no_rounding_is_not_one(data, rng):
    x, noise = rng.standard_normal((2, 50_000))

    found = correlate(write(data, {"x": x, "y": x + 1e-6 * noise}))

    assert 1 - 1e-11 < found.matrix[0, 1] < 1


def test_integers_decimals_and_truth_values_are_numbers(parquet):
    table = parquet(
        "SELECT i, i::DECIMAL(10,2) AS d, i::UTINYINT AS u, i > 50 AS b, i::FLOAT AS f,"
        " 'text' AS s, DATE '2024-01-01' AS day FROM range(100) t(i)"
    )

    found = correlate(table)

    assert found.columns == ("i", "d", "u", "b", "f")
    assert found.excluded == (("s", Reason.NOT_NUMERIC), ("day", Reason.NOT_NUMERIC))
    assert found.matrix[0, 1] == pytest.approx(1.0, abs=1e-12)
    assert found.matrix[0, 3] == pytest.approx(0.866, abs=1e-3)


def test_named_columns_come_in_the_order_asked_for(parquet):
    table = parquet("SELECT random() AS a, random() AS b, 'x' AS s FROM range(50)")

    assert correlate(table, ["b", "a"]).columns == ("b", "a")
    with pytest.raises(UnknownColumn):
        correlate(table, ["B"])
    with pytest.raises(InvalidParameter):
        correlate(table, ["s"])


def test_a_table_without_numbers_has_an_empty_matrix(parquet):
    found = correlate(parquet("SELECT 'a' AS s"))

    assert found.columns == ()
    assert found.pairs() == found.undefined() == found.rows() == []


def test_pairs_can_be_the_strongest_only(data, rng):
    x, y, z = rng.standard_normal((3, 1_000))

    found = correlate(write(data, {"x": x, "y": x + y, "z": -x + z / 9}))

    assert [(p.feature1, p.feature2) for p in found.pairs(top=1)] == [("x", "z")]
    assert len(found.pairs(min_abs=0.9)) == 1


def test_fifty_rows_of_two_thousand_columns_answer(data, rng):
    block = rng.standard_normal((2_000, 50))

    found = correlate(write(data, {f"c{i}": row for i, row in enumerate(block)}))

    expected = np.corrcoef(block)
    assert np.abs(found.matrix - expected).max() < TOLERANCE
    assert len(found.pairs()) == 1_999_000


def test_too_many_columns_are_refused(parquet):
    names = ", ".join(f"{i} AS c{i}" for i in range(2_001))

    with pytest.raises(InvalidParameter, match="2000"):
        correlate(parquet(f"SELECT {names}"))


def test_states_of_parts_add_up_in_any_cut(data, rng):
    x = rng.standard_normal((4, 90_000)) * [[1], [1e6], [1e-9], [1]] + [
        [0],
        [5],
        [0],
        [1e9],
    ]
    gaps = rng.random(90_000) < 0.1
    table = write(
        data,
        {"a": x[0], "b": with_gaps(x[1], gaps), "c": x[2], "d": x[3]},
        group_rows=10_000,
    )
    names = ["a", "b", "c", "d"]
    whole = correlate(table).matrix

    for parts in (1, 3, 9):
        cut = partitions([table], parts=parts)
        states = [correlation.comoments(part, names) for part in cut]
        sent = [CoMoments.from_arrays(state.to_arrays()) for state in states]
        merged = reduce(CoMoments.merge, sent)
        backwards = reduce(CoMoments.merge, reversed(states))

        for state in (merged, backwards):
            found = correlation.matrix.solve(state).matrix
            assert np.abs(found - whole).max() < 1e-12


def test_a_part_without_rows_changes_nothing(data, rng):
    table = write(data, {"a": rng.standard_normal(100), "b": rng.standard_normal(100)})
    one = correlation.comoments(Partition(str(table), (0,)), ["a", "b"])
    none = correlation.comoments(Partition(str(table), ()), ["a", "b"])

    both = none.merge(one).merge(none)

    assert np.allclose(both.m2, one.m2)
    assert np.allclose(both.n, 100)


def test_spearman_ranks_with_ties_shared(data, rng):
    x = rng.integers(0, 20, 5_000).astype(float)
    y = np.exp(x) + rng.standard_normal(5_000)

    found = correlate(write(data, {"x": x, "y": y}), method=CorrelationMethod.SPEARMAN)

    from scipy.stats import spearmanr

    assert found.matrix[0, 1] == pytest.approx(spearmanr(x, y).statistic, abs=1e-10)
    assert found.exact


def test_spearman_with_gaps_ranks_within_the_common_rows(data, rng):
    x, y = rng.integers(0, 9, (2, 300)).astype(float)
    gaps = rng.random((2, 300)) < 0.2
    columns = {"x": with_gaps(x, gaps[0]), "y": np.where(gaps[1], np.nan, y + x)}

    found = correlate(write(data, columns), method="spearman")

    from scipy.stats import spearmanr

    both = ~gaps.any(axis=0)
    wanted = spearmanr(x[both], (y + x)[both]).statistic
    assert found.matrix[0, 1] == pytest.approx(wanted, abs=1e-10)
    assert (found.exact, found.counts[0, 1]) == (True, both.sum())


def test_spearman_of_many_gaps_says_that_ranks_are_of_the_column(data, rng):
    gap = rng.random(400) < 0.2
    columns = {f"c{i}": with_gaps(rng.standard_normal(400), gap) for i in range(101)}

    found = correlate(write(data, columns), method="spearman")

    assert not found.exact
    assert (found.counts == (~gap).sum()).all()


def test_a_pass_holds_a_small_part_of_the_table(data, rng):
    columns = {f"c{i}": rng.standard_normal(800_000) for i in range(10)}
    table = write(data, columns, group_rows=50_000)
    bytes_whole = 800_000 * 10 * 8
    del columns

    tracemalloc.start()
    correlate(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < bytes_whole / 8
