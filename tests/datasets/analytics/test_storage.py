"""Tables in an S3-compatible store (moto): fetched by digest, correlated in parts."""

import hashlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import boto3
import numpy as np
import pytest
from pyarrow.fs import LocalFileSystem

from datasets.analytics import storage
from datasets.analytics.correlation import correlate
from datasets.analytics.errors import SourceMissing
from datasets.analytics.profile import profile
from tests.datasets.analytics.s3_server import s3_endpoint


@pytest.fixture
def bucket():
    """A way to upload, and the store as the analytics see it."""
    with s3_endpoint() as endpoint:
        client = boto3.client(
            "s3",
            region_name="us-east-1",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
        )
        client.create_bucket(Bucket="tables")
        store = storage.ObjectStore(
            "tables", endpoint=endpoint, access_key="key", secret_key="secret"
        )
        yield partial(client.upload_file, Bucket="tables"), store


@pytest.fixture
def tables(parquet):
    select = (
        "SELECT a, a + random() AS b, CASE WHEN i % 10 > 0 THEN a END AS c"
        " FROM (SELECT i, random() AS a FROM range(150000) t(i))"
    )
    return [parquet(select), parquet(select)]


def test_a_table_comes_once_and_is_checked(bucket, tables, tmp_path):
    upload, store = bucket
    upload(str(tables[0]), Key="one.parquet")
    digest = hashlib.sha256(tables[0].read_bytes()).hexdigest()
    filesystem = store.filesystem()

    first = storage.fetch(filesystem, "one.parquet", digest, tmp_path)
    again = storage.fetch(filesystem, "gone.parquet", digest, tmp_path)

    assert first == again
    assert first.read_bytes() == tables[0].read_bytes()


def test_an_object_that_is_another_one_is_refused_and_leaves_nothing(
    bucket, tables, tmp_path
):
    upload, store = bucket
    upload(str(tables[0]), Key="two.parquet")

    with pytest.raises(SourceMissing):
        storage.fetch(store.filesystem(), "two.parquet", "0" * 64, tmp_path)
    with pytest.raises(SourceMissing):
        storage.fetch(store.filesystem(), "gone.parquet", "0" * 64, tmp_path)

    assert not [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and "data" not in path.parts
    ]


def test_correlations_of_objects_equal_those_of_files(bucket, tables):
    upload, store = bucket
    for index, table in enumerate(tables):
        upload(str(table), Key=f"part_{index}.parquet")
    seen = []

    def mapped(function, parts):
        """Stand in for an engine that maps a function over a list elsewhere."""
        seen.extend(parts)
        return [function(part) for part in parts]

    remote = storage.correlate_remote(
        store.filesystem(),
        ["part_0.parquet", "part_1.parquet"],
        ["a", "b", "c"],
        run=mapped,
        parts=3,
    )

    local = correlate(tables)
    assert np.abs(remote.matrix - local.matrix).max() < 1e-12
    assert remote.row_count == 300_000
    assert len(seen) >= 3


def in_processes(function, parts):
    """Map in processes that share nothing with this one, as a cluster does."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(function, parts))


def test_parts_are_computed_in_other_processes_and_add_up(bucket, tables):
    upload, store = bucket
    for index, table in enumerate(tables):
        upload(str(table), Key=f"part_{index}.parquet")

    remote = storage.correlate_remote(
        store.filesystem(),
        ["part_0.parquet", "part_1.parquet"],
        ["a", "b", "c"],
        run=in_processes,
        parts=4,
    )

    assert np.abs(remote.matrix - correlate(tables).matrix).max() < 1e-12


def test_statistics_of_parts_are_those_of_the_whole(bucket, parquet):
    upload, store = bucket
    select = (
        "SELECT 1e9 + random() / 1000 AS a, i % 7 AS b, i % 2 = 0 AS t, CASE"
        " WHEN i % 11 = 0 THEN NULL WHEN i = 5 THEN 'nan' WHEN i = 6 THEN 'inf'"
        " ELSE random() END::DOUBLE AS c, NULL::DOUBLE AS d, 1e300 * i AS e"
        " FROM range(150000) t(i)"
    )
    tables = [parquet(select), parquet(select)]
    for index, table in enumerate(tables):
        upload(str(table), Key=f"part_{index}.parquet")
    names = ["a", "b", "c", "d", "e"]

    remote = storage.profile_remote(
        store.filesystem(),
        ["part_0.parquet", "part_1.parquet"],
        names,
        run=in_processes,
        parts=3,
    )

    local = profile(tables, names)
    assert remote.row_count == local.row_count == 300_000
    for found, expected in zip(remote.columns, local.columns, strict=True):
        for figure in ("count", "nulls", "nan", "infinite", "zeros", "min", "max"):
            assert getattr(found, figure) == getattr(expected, figure), figure
        assert found.histogram == expected.histogram
        if found.count:
            assert found.mean == pytest.approx(expected.mean, rel=1e-12)
            assert found.std == pytest.approx(expected.std, rel=1e-9)


def test_statistics_of_no_rows_are_empty(parquet):
    table = parquet("SELECT range::DOUBLE AS a FROM range(0)")

    (column,) = storage.profile_remote(LocalFileSystem(), [str(table)], ["a"]).columns

    assert (column.count, column.min, column.mean, column.histogram) == (0, *[None] * 3)


def test_a_secret_is_not_shown():
    assert "hidden" not in repr(storage.ObjectStore("b", secret_key="hidden"))
