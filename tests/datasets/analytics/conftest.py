"""A data folder of its own for every test, and quick Parquet files in it."""

import itertools
from pathlib import Path

import duckdb
import pytest

from datasets.analytics import engine


@pytest.fixture
def data(tmp_path):
    """The folder that the analytics may read, for one test."""
    before = engine.settings()
    folder = tmp_path / "data"
    folder.mkdir()
    engine.configure(folder)
    yield folder
    engine.restore(before)


@pytest.fixture
def parquet(data):
    """Write the rows of a SELECT as Parquet; return the path."""
    numbers = itertools.count()

    def write(select: str, **options) -> Path:
        path = data / f"table_{next(numbers)}.parquet"
        listed = "".join(f", {key} {value}" for key, value in options.items())
        with duckdb.connect() as database:
            database.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet{listed})")
        return path

    return write
