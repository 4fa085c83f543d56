"""Statistics of columns: exact where they say so, sane where data is not."""

import math

import numpy as np
import orjson
import pytest

from datasets.analytics import ingest
from datasets.analytics.profile import profile


def column(parquet, expression, rows=1000, **options):
    found = profile(
        parquet(f"SELECT {expression} AS x FROM range({rows}) t(i)", **options)
    )
    orjson.dumps(found)
    return found.columns[0]


def test_numbers_have_all_figures(parquet):
    found = column(parquet, "CASE WHEN i % 10 > 0 THEN i::DOUBLE END", rows=1001)
    values = np.array([i for i in range(1001) if i % 10 > 0], float)

    assert (found.count, found.nulls) == (900, 101)
    assert found.null_share == pytest.approx(101 / 1001)
    assert (found.min, found.max) == (1.0, 999.0)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.std == pytest.approx(values.std(ddof=1), rel=1e-12)
    assert found.quantiles.values["0.5"] == np.median(values)
    assert found.quantiles.exact
    assert sum(found.histogram.counts) == 900
    assert len(found.histogram.edges) == 21


def test_nan_and_infinities_do_not_become_the_mean(parquet):
    found = column(
        parquet,
        "CASE i WHEN 0 THEN 'nan'::DOUBLE WHEN 1 THEN 'inf'::DOUBLE"
        " WHEN 2 THEN '-inf'::DOUBLE ELSE i END",
        rows=10,
    )

    assert (found.nan, found.infinite, found.nulls) == (1, 2, 0)
    assert (found.min, found.max, found.mean) == (3.0, 9.0, 6.0)
    assert sum(found.histogram.counts) == 7


@pytest.mark.parametrize("center", [0.0, 1e9, -1e15])
def test_spread_survives_a_large_offset(parquet, center):
    found = column(parquet, f"{center}::DOUBLE + (i % 3)", rows=3_000)

    assert found.std == pytest.approx(math.sqrt(2 / 3), rel=1e-3)
    assert found.mean == pytest.approx(center + 1, rel=1e-15)


def test_the_largest_numbers_do_not_overflow(parquet):
    found = column(parquet, "CASE WHEN i % 2 = 0 THEN -1e308 ELSE 1e308 END", rows=10)

    assert found.mean == pytest.approx(0, abs=1e293)
    assert found.max == 1e308


def test_the_widest_finite_range_has_finite_edges(parquet):
    figures = column(parquet, "(i - 500) * 1.7e305")

    assert all(math.isfinite(edge) for edge in figures.histogram.edges)
    assert sum(figures.histogram.counts) == 1000


@pytest.mark.parametrize("unit", ["5e-324", "1e-310", "1e-300", "1e-160"])
def test_the_smallest_numbers_have_figures_too(parquet, unit):
    figures = column(parquet, f"i * '{unit}'::DOUBLE", rows=201)

    assert figures.mean == pytest.approx(100 * float(unit), rel=1e-12, abs=0)
    assert figures.std == pytest.approx(58.16786054 * float(unit), rel=1e-2, abs=0)
    assert sum(figures.histogram.counts) == 201


@pytest.mark.parametrize("reach", [50, 55, 57])
def test_a_value_on_an_edge_counts_above_it(parquet, reach):
    figures = column(parquet, f"i::DOUBLE - {reach}", rows=2 * reach + 1)

    edges = figures.histogram.edges
    values = np.arange(-reach, reach + 1)
    for number, count in enumerate(figures.histogram.counts):
        is_last = number == len(edges) - 2
        inside = (values >= edges[number]) & (values < edges[number + 1])
        assert count == inside.sum() + (is_last and (values == edges[-1]).sum())


def test_a_constant_has_no_spread(parquet):
    found = column(parquet, "5.4::DOUBLE")

    assert (found.std, found.min, found.max) == (0.0, 5.4, 5.4)
    assert found.histogram.counts == (1000,)


def test_few_values_are_counted_exactly_and_listed(parquet):
    found = column(parquet, "CASE WHEN i % 4 = 0 THEN 'b' ELSE 'a' END")

    assert (found.distinct.value, found.distinct.exact) == (2, True)
    assert [(top.value, top.count, top.share) for top in found.top] == [
        ("a", 750, 0.75),
        ("b", 250, 0.25),
    ]
    assert (found.min_length, found.max_length, found.mean_length) == (1, 1, 1.0)


def test_an_infinity_is_called_as_it_is_among_the_rows(parquet):
    found = column(parquet, "CASE WHEN i < 9 THEN '-inf'::DOUBLE ELSE 1.0 END")

    assert [(top.value, top.count) for top in found.top] == [
        (1.0, 991),
        ("-Infinity", 9),
    ]


def test_what_is_frequent_among_many_values_is_listed_all_the_same(parquet):
    found = column(
        parquet, "CASE WHEN i % 4 = 0 THEN 'Seoul' ELSE 'town ' || i END", rows=8000
    )

    assert not found.distinct.exact
    assert [(top.value, top.count, top.share) for top in found.top] == [
        ("Seoul", 2000, 0.25)
    ]
    assert found.top_exact


def test_frequent_values_of_a_large_table_come_from_its_sample_and_say_so(parquet):
    towns = "SELECT CASE WHEN i % 4 = 0 THEN 'Seoul' ELSE 'town ' || i END AS x"
    table = parquet(f"{towns} FROM range(200000) t(i)")
    sample = parquet(f"{towns} FROM range(10000) t(i)")

    found = profile(table, sample=sample).columns[0]

    assert [(top.value, top.count, top.share) for top in found.top] == [
        ("Seoul", 50_000, 0.25)
    ]
    assert not found.top_exact


def test_many_values_are_an_estimate_that_says_so(parquet):
    found = column(parquet, "'name ' || i", rows=100_000)

    assert not found.distinct.exact
    assert found.distinct.value == pytest.approx(100_000, rel=0.1)


def test_quantiles_of_a_large_table_come_from_its_sample_and_say_so(parquet):
    table = parquet("SELECT i::DOUBLE AS x FROM range(200000) t(i)")
    sample = parquet("SELECT (i * 20)::DOUBLE AS x FROM range(10000) t(i)")

    found = profile(table, sample=sample).columns[0]

    assert (found.quantiles.exact, found.quantiles.rows) == (False, 10_000)
    assert found.quantiles.values["0.5"] == pytest.approx(100_000, rel=0.01)


def test_times_have_a_range_and_a_histogram(parquet):
    found = column(parquet, "TIMESTAMP '2024-01-01' + to_hours(i::INTEGER)", rows=241)

    assert found.min == "2024-01-01T00:00:00"
    assert found.max == "2024-01-11T00:00:00"
    assert found.histogram.edges[0] == "2024-01-01T00:00:00Z"
    assert sum(found.histogram.counts) == 241


def test_moments_are_written_as_the_rows_write_them(parquet):
    found = column(parquet, "TIMESTAMPTZ '2024-01-01 09:00:00+09'")

    shown = [found.min, found.max, found.top[0].value, found.quantiles.values["0.5"]]
    assert shown == ["2024-01-01T00:00:00Z"] * 4


def test_long_integers_and_decimals_keep_their_digits(parquet):
    whole = column(parquet, "9007199254740993::BIGINT")
    exact = column(parquet, "1.10::DECIMAL(20,2)")

    assert whole.max == "9007199254740993"
    assert exact.max == "1.10"


LONG = [
    ("BIGINT", 9_223_372_036_854_770_001),
    ("BIGINT", -9_223_372_036_854_770_001),
    ("UBIGINT", 18_446_744_073_709_550_001),
    ("DECIMAL(38,2)", -900_000_000_000_000_000_000_000_000_000_000_000),
    ("DECIMAL(18,4)", 90_000_000_000_000),
]


@pytest.mark.parametrize(("kind", "first"), LONG)
def test_the_spread_of_long_numbers_is_that_of_their_differences(parquet, kind, first):
    found = column(parquet, f"CAST({first} AS {kind}) + (i % 3)::{kind}", rows=3_000)

    assert found.std == pytest.approx(math.sqrt(2 / 3 * 3_000 / 2_999), rel=1e-14)
    assert found.mean == float(first + 1)
    assert [count for count in found.histogram.counts if count] == [1_000] * 3


@pytest.mark.parametrize(("kind", "first"), LONG)
def test_long_numbers_have_the_same_figures_at_ingestion(parquet, data, kind, first):
    upload = parquet(
        f"SELECT CAST({first} AS {kind}) + (i % 3)::{kind} AS x FROM range(3000) t(i)"
    )

    ingest.convert([ingest.InputFile(upload, "a.parquet")], data / "out")

    kept = orjson.loads((data / "out/profile.json").read_bytes())["columns"][0]
    asked = profile(data / "out/data.parquet").columns[0]
    assert (kept["std"], kept["mean"]) == (asked.std, asked.mean)
    assert tuple(kept["histogram"]["counts"]) == asked.histogram.counts
    assert tuple(kept["histogram"]["edges"]) == asked.histogram.edges


def test_bins_that_no_double_tells_apart_have_their_edges_as_text(parquet):
    found = column(parquet, "9007199254740993000 + (i % 21)", rows=21)

    assert found.histogram.edges[:2] == ("9007199254740993000", "9007199254740993001")
    assert found.histogram.counts == (1,) * 19 + (2,)


def test_nested_and_binary_columns_are_only_counted(parquet):
    found = profile(parquet("SELECT [1] AS a, 'x'::BLOB AS b, {'c': 1} AS s"))

    assert [c.count for c in found.columns] == [1, 1, 1]
    assert all(c.distinct is None for c in found.columns)


def test_an_empty_table_and_a_column_of_nothing_answer(parquet):
    empty = profile(parquet("SELECT 1.0::DOUBLE AS x, 'a' AS s WHERE false"))
    nothing = column(parquet, "NULL::DOUBLE")

    assert empty.row_count == 0
    assert empty.columns[0].histogram is None
    assert (nothing.nulls, nothing.mean, nothing.quantiles) == (1000, None, None)
    assert (nothing.nan, nothing.infinite, nothing.zeros) == (0, 0, 0)


def test_wide_tables_answer_column_by_column(parquet):
    names = ", ".join(f"i + {k} AS c{k}" for k in range(300))

    found = profile(parquet(f"SELECT {names} FROM range(50) t(i)"))

    assert [c.min for c in found.columns] == list(range(300))
