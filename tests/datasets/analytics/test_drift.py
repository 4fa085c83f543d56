"""Drift between two tables, and no drift where there is none."""

import numpy as np
import pytest

from datasets.analytics import drift
from datasets.analytics.drift import Bound, Level, Thresholds
from datasets.analytics.drift.divergence import (
    chi_square,
    deciles,
    expected_psi,
    jensen_shannon,
    kolmogorov_smirnov,
    psi,
    shares_in,
)
from datasets.analytics.errors import UnknownColumn

NORMAL = "sqrt(-2 * ln(random() + 1e-12)) * cos(2 * pi() * random())"


def one(parquet, before, after, rows=20_000):
    old = parquet(f"SELECT {before} AS x FROM range({rows}) t(i)")
    new = parquet(f"SELECT {after} AS x FROM range({rows}) t(i)")
    return drift.compare(old, new).columns[0]


def test_the_same_table_has_not_drifted(parquet):
    table = parquet(f"SELECT {NORMAL} AS x, i % 5 AS n, 'a' AS s FROM range(5000) t(i)")

    report = drift.compare(table, table)

    assert report.level is Level.NONE
    assert [column.psi for column in report.columns] == [0.0, 0.0, 0.0]


def test_a_shift_is_drift(parquet):
    found = one(parquet, NORMAL, f"1 + {NORMAL}")

    assert found.level is Level.DRIFT
    assert found.psi > 0.5
    assert found.ks == pytest.approx(0.383, abs=0.03)


def test_two_samples_of_one_distribution_are_not(parquet):
    found = one(parquet, NORMAL, NORMAL, rows=2_000)

    assert found.level is Level.NONE
    assert found.psi == pytest.approx(found.psi_expected, abs=0.02)


def test_one_bad_tick_hides_nothing(parquet):
    wild = f"CASE WHEN i = 7 THEN 1e9 ELSE 1 + {NORMAL} END"

    assert one(parquet, NORMAL, wild).psi > 0.5


def test_a_column_that_goes_missing_is_drift_though_its_values_are_alike(parquet):
    found = one(parquet, NORMAL, f"CASE WHEN i % 2 = 0 THEN {NORMAL} END")

    assert found.level is Level.DRIFT
    assert (found.missing_reference, found.missing_current) == (0.0, 0.5)


def test_nan_is_missing_and_a_bin_of_its_own(parquet):
    found = one(
        parquet, NORMAL, f"CASE WHEN i % 2 = 0 THEN {NORMAL} ELSE 'nan'::DOUBLE END"
    )

    assert found.missing_current == 0.5
    assert found.bins.labels[-1] == "(NaN)"
    assert found.bins.current[-1] == 0.5


def test_new_categories_are_named(parquet):
    found = one(
        parquet,
        "CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END",
        "CASE WHEN i % 4 = 0 THEN 'new' WHEN i % 2 = 0 THEN 'a' ELSE 'b' END",
    )

    assert found.level is Level.DRIFT
    assert found.new_categories == ("new",)
    assert found.new_category_share == 0.25
    assert found.degrees_of_freedom == 2


def test_few_rows_are_not_judged(parquet):
    found = one(parquet, NORMAL, f"1 + {NORMAL}", rows=100)

    assert found.level is Level.TOO_FEW_ROWS
    assert found.psi > 0.25


def test_times_are_compared_by_what_is_missing(parquet):
    found = one(
        parquet,
        "TIMESTAMP '2024-01-01'",
        "CASE WHEN i % 2 = 0 THEN TIMESTAMP '2025-01-01' END",
    )

    assert [check.name for check in found.checks] == ["missing"]
    assert found.level is Level.DRIFT


def test_columns_that_came_went_or_changed_kind_are_listed(parquet):
    old = parquet("SELECT 1 AS a, 1 AS b, 1 AS c, [1] AS n")
    new = parquet("SELECT 1.5 AS a, 'x' AS b, 1 AS d, [1] AS n")

    report = drift.compare(old, new)

    assert [column.name for column in report.columns] == ["a"]
    assert (report.removed, report.added, report.retyped, report.skipped) == (
        ("c",),
        ("d",),
        ("b",),
        ("n",),
    )
    with pytest.raises(UnknownColumn):
        drift.compare(old, new, ["c"])


def test_thresholds_are_the_callers(parquet):
    table = parquet(f"SELECT {NORMAL} AS x FROM range(5000)")
    moved = parquet(f"SELECT 0.3 + {NORMAL} AS x FROM range(5000)")
    strict = Thresholds(ks=Bound(0.01, 0.02))

    assert drift.compare(table, moved).level is not Level.DRIFT
    assert drift.compare(table, moved, thresholds=strict).level is Level.DRIFT
    assert drift.compare(table, moved, thresholds=strict).drifted == ("x",)


def test_large_tables_are_compared_by_samples_that_say_so(parquet):
    old = parquet("SELECT i::DOUBLE AS x FROM range(500000) t(i)")
    new = parquet("SELECT (i + 250000)::DOUBLE AS x FROM range(500000) t(i)")

    found = drift.compare(old, new).columns[0]

    assert not found.exact
    assert 190_000 < found.n_reference < 210_000
    assert found.ks == pytest.approx(0.5, abs=0.01)


def test_an_empty_table_is_compared_without_a_number(parquet):
    table = parquet("SELECT 1.0::DOUBLE AS x WHERE false")

    found = drift.compare(table, table).columns[0]

    assert found.ks is None
    assert found.level is Level.TOO_FEW_ROWS


def test_divergences_agree_with_scipy():
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2_contingency, ks_2samp

    rng = np.random.default_rng(1)
    a, b = rng.standard_normal(500), rng.standard_normal(700) + 0.3
    p, q = [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]

    assert kolmogorov_smirnov(a, b) == pytest.approx(ks_2samp(a, b).statistic)
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert chi_square([20, 50, 30], [40, 40, 20])[0] == pytest.approx(
        chi2_contingency([[20, 50, 30], [40, 40, 20]], correction=False).statistic
    )
    assert psi(p, q) == pytest.approx(
        sum((y - x) * np.log(y / x) for x, y in zip(p, q, strict=True))
    )


def test_psi_without_drift_is_what_is_expected():
    rng = np.random.default_rng(5)
    found, expected = [], []
    for _ in range(200):
        a, b = rng.standard_normal((2, 500))
        edges = deciles(a)
        before, after = (shares_in(edges, values, 0, 0)[1] for values in (a, b))
        found.append(psi(before, after))
        expected.append(expected_psi(before, after, (500, 500)))

    assert np.mean(found) == pytest.approx(np.mean(expected), rel=0.25)


def test_bins_do_not_cut_values_that_repeat():
    values = np.repeat([0.0, 1.0, 2.0], [80, 15, 5])

    labels, shares = shares_in(deciles(values), values, 0, 0)[0:2]

    assert sum(shares) == pytest.approx(1)
    assert max(shares) == pytest.approx(0.8)
    assert len(labels) == len(shares)


def test_a_column_that_goes_or_turns_to_text_is_drift(parquet):
    before = parquet("SELECT i AS x, i AS y, i % 3 AS z FROM range(1000) t(i)")
    gone = parquet("SELECT i AS x, i % 3 AS z FROM range(1000) t(i)")
    text = parquet("SELECT i AS x, i::VARCHAR AS y, i % 3 AS z FROM range(1000) t(i)")
    truth = parquet("SELECT i AS x, i > 5 AS y, i % 3 AS z FROM range(1000) t(i)")

    levels = [drift.compare(before, later).level for later in (gone, text, truth)]

    assert levels == ["drift", "drift", "warning"]


def test_identifiers_and_free_text_are_left_out_with_the_reason(parquet):
    def version(sign):
        return parquet(
            f"SELECT '{sign}' || i AS name, repeat('{sign} ', 30) || i AS story,"
            f" i + ascii('{sign}') * 1000 AS number, i % 7 AS kept"
            " FROM range(1000) t(i)"
        )

    found = drift.compare(version("u"), version("v"))

    assert {item.column: item.reason for item in found.excluded} == {
        "name": "identifier",
        "story": "free_text",
        "number": "identifier",
    }
    assert [column.name for column in found.columns] == ["kept"]
    assert found.level == "none"


def test_identifiers_with_gaps_are_known_by_their_name(parquet):
    def version(first):
        return parquet(
            f"SELECT {first} + i * 37 AS user_id, {first} + i * 37 AS spent,"
            f' ({first} + i * 37)::DECIMAL(20,0) AS "orderKey" FROM range(1000) t(i)'
        )

    found = drift.compare(version(0), version(10**6))

    assert [item.column for item in found.excluded] == ["user_id", "orderKey"]
    assert found.drifted == ("spent",)


def test_a_text_that_grew_past_forty_letters_is_still_left_out(parquet):
    short = parquet("SELECT repeat('a', 30) || i AS note FROM range(1000) t(i)")
    long = parquet("SELECT repeat('b', 50) || i AS note FROM range(1000) t(i)")

    found = drift.compare(short, long)

    assert [(item.column, item.reason) for item in found.excluded] == [
        ("note", "identifier")
    ]
    assert found.level == "none"


def test_types_that_differ_by_the_rules_alone_are_no_drift(parquet):
    before = parquet("SELECT i AS code, i % 3 AS z FROM range(1000) t(i)")
    after = parquet("SELECT '0' || i AS code, i % 3 AS z FROM range(1000) t(i)")

    found = drift.compare(before, after, is_same_source=True)

    assert (found.level, found.retyped_by_rules) == ("none", ("code",))
    assert (found.retyped, found.became_text) == ((), ())
