"""Top values and histograms of many columns at once."""

import pytest

from datasets.analytics import engine, facets
from datasets.analytics.engine import Lane
from datasets.analytics.errors import InvalidParameter
from datasets.analytics.facets import FacetOptions
from datasets.analytics.filters import Condition, Operator


def by_column(found):
    return {facet.column: facet for facet in found.facets}


def test_every_count_of_a_facet_is_exact(parquet):
    table = parquet(
        "SELECT CASE WHEN i % 4 < 3 THEN 'k' || i % 2000 END AS k FROM range(100000) t(i)"
    )

    found = by_column(facets.facets(table, FacetOptions(top=3)))["k"]

    assert (found.count, found.missing, found.distinct) == (75_000, 25_000, 1500)
    assert [(value.value, value.count) for value in found.values] == [
        ("k0", 50),
        ("k1", 50),
        ("k10", 50),
    ]
    assert found.other_count == 75_000 - 150


def test_numbers_and_times_have_histograms(parquet):
    table = parquet(
        "SELECT i::DOUBLE AS x, DATE '2024-01-01' + i::INTEGER AS day FROM range(100) t(i)"
    )

    found = by_column(facets.facets(table, FacetOptions()))

    assert sum(found["x"].histogram.counts) == 100
    assert found["x"].histogram.edges[0] == 0.0
    assert found["day"].histogram.edges[0] == "2024-01-01T00:00:00Z"


def test_missing_nan_and_infinite_are_told_apart(parquet):
    table = parquet(
        "SELECT x::DOUBLE AS x FROM (VALUES ('nan'), ('inf'), (NULL), (NULL), ('1'))"
        " t(x)"
    )

    found = by_column(facets.facets(table, FacetOptions()))["x"]

    assert (found.count, found.missing, found.nan, found.infinite) == (3, 2, 1, 1)
    assert [value.value for value in found.values] == [1.0, "Infinity"]
    assert (found.distinct, found.other_count) == (2, 0)


def test_facets_follow_the_filter_and_the_search(parquet):
    table = parquet("SELECT i, 'a' || i % 3 AS k FROM range(30) t(i)")
    conditions = [Condition("i", Operator.LESS, 10)]

    found = facets.facets(table, FacetOptions(["k"]), conditions, "A1")

    assert found.row_count == 3
    assert [(v.value, v.count) for v in found.facets[0].values] == [("a1", 3)]


def test_nested_and_binary_columns_are_counted_only(parquet):
    table = parquet("SELECT [1] AS listed, 'x'::BLOB AS raw")

    found = by_column(facets.facets(table, FacetOptions()))

    assert [found[name].count for name in ("listed", "raw")] == [1, 1]
    assert [found[name].distinct for name in ("listed", "raw")] == [None, None]


def test_a_column_that_takes_too_long_is_named(parquet, data, monkeypatch):
    table = parquet("SELECT i % 7 AS k, 'v' || i AS v FROM range(3000000) t(i)")
    monkeypatch.setattr(facets, "FACET_S", 0.2)

    found = facets.facets(table, FacetOptions(["v"]))

    assert [each.column for each in found.unfinished] == ["v"]
    assert found.unfinished[0].reason == "query_timeout"
    assert found.row_count == 3_000_000


def test_more_columns_than_may_be_asked_are_refused(parquet):
    table = parquet(f"SELECT {', '.join(f'1 AS c{n}' for n in range(51))}")

    with pytest.raises(InvalidParameter):
        facets.facets(table, FacetOptions())
    assert (
        len(facets.facets(table, FacetOptions([f"c{n}" for n in range(50)])).facets)
        == 50
    )


def test_groups_and_facets_are_asked_of_one_thread(data):
    engine.configure(data, threads=2)

    lanes = engine.settings().lanes

    assert lanes[Lane.SERIAL].threads == 1
    assert lanes[Lane.INTERACTIVE].threads == 2
