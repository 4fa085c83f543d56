"""The random rows that are kept beside a table: rows of it, in its order, once each."""

import duckdb
import pytest

from datasets.analytics import ingest


def sampled(folder, select):
    """Read a Parquet file of a SELECT; return all rows, the sample, and both types."""
    upload = folder / "upload.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY ({select}) TO '{upload}' (FORMAT parquet)")
        ingest.convert([ingest.InputFile(upload, "a.parquet")], folder / "out")
        files = [folder / "out/data.parquet", folder / "out/sample.parquet"]
        rows = [database.execute(f"FROM '{file}'").fetchall() for file in files]
        types = [
            database.execute(f"DESCRIBE FROM '{file}'").fetchall() for file in files
        ]
    return *rows, *types


def test_rows_are_drawn_from_all_of_a_large_table(tmp_path):
    rows, sample, types, kept = sampled(
        tmp_path, "SELECT i, 'row ' || i AS t, i / 7 AS x FROM range(50000) t(i)"
    )

    assert len(sample) == 10_000
    assert kept == types
    assert set(sample) <= set(rows)
    places = [row[0] for row in sample]
    assert places == sorted(set(places))
    fifths = [sum(place // 10_000 == part for place in places) for part in range(5)]
    assert min(fifths) > 1_800


def test_as_many_rows_give_the_same_positions(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()

    _, one, *_ = sampled(tmp_path / "one", "SELECT i FROM range(30000) t(i)")
    _, other, *_ = sampled(tmp_path / "other", "SELECT i AS n FROM range(30000) t(i)")

    assert one == other


@pytest.mark.parametrize("rows", [1, 10_000])
def test_all_rows_of_a_small_table_are_its_sample(tmp_path, rows):
    rows, sample, types, kept = sampled(
        tmp_path, f"SELECT i, i % 2 = 0 AS b FROM range({rows}) t(i)"
    )

    assert (sample, kept) == (rows, types)


def test_types_that_arrow_does_not_know_are_those_of_the_table(tmp_path):
    rows, sample, types, kept = sampled(
        tmp_path,
        "SELECT i, to_days(i::INTEGER) AS d, uuid() AS u, '{}'::JSON AS j,"
        " TIMETZ '01:02:03+09' AS z, [i, NULL] AS l, {'a': i} AS s, MAP {i: 'x'} AS m,"
        " (i / 3)::DECIMAL(38,9) AS e, 'x'::BLOB AS b, 'nan'::FLOAT AS f,"
        " '01:02:03.123456789'::TIME_NS AS n FROM range(12000) t(i)",
    )

    by_place = {row[0]: row for row in rows}
    assert kept == types
    assert len(sample) == 10_000
    assert all(repr(row) == repr(by_place[row[0]]) for row in sample)
