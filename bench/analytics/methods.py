"""Ways to the figures of a Parquet file, each in a process of its own.

    python -m bench.analytics.methods METHOD FILE RESULT.npy

prints its cost as JSON and leaves the matrix, if it makes one. Reading the file
counts. Libraries are loaded by the method that needs them.
"""

# ruff: noqa: PLC0415, S608 - see above; the names of columns are made by us

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from bench.analytics.measuring import best, free_blas

Floats = npt.NDArray[np.float64]
Method = Callable[[], Any]
THREADS = 2
BATCH_ROWS = 122_880
PRODUCT_CELLS = 4 << 20


def names(path: Path) -> list[str]:
    return list(pq.read_schema(path).names)


def ours(path: Path) -> Method:
    from datasets.analytics import engine
    from datasets.analytics.correlation import correlate

    engine.configure(path.parent)
    return lambda: correlate(path).matrix


def pandas(path: Path) -> Method:
    import pandas as pd

    return lambda: pd.read_parquet(path).corr().to_numpy()


def pandas_corr_only(path: Path) -> Method:
    import pandas as pd

    frame = pd.read_parquet(path)
    return lambda: frame.corr().to_numpy()


def polars(path: Path) -> Method:
    import polars as pl

    pairs = list(combinations(names(path), 2))
    wanted = [pl.corr(a, b).alias(f"{a}-{b}") for a, b in pairs]
    return lambda: square(pl.scan_parquet(path).select(wanted).collect().row(0))


def polars_frame(path: Path) -> Method:
    import polars as pl

    return lambda: pl.read_parquet(path).corr().to_numpy()


def sql(path: Path) -> Method:
    """`corr()` of every pair in one SELECT: what one writes first."""
    pairs = combinations(names(path), 2)
    wanted = ", ".join(f"corr({a}, {b})" for a, b in pairs)
    query = f"SELECT {wanted} FROM read_parquet($1)"
    return lambda: square(opened().execute(query, [str(path)]).fetchall()[0])


def export(path: Path) -> Method:
    """One half of the floor: every column streamed to Arrow, and dropped."""

    def run() -> int:
        found = opened().sql("SELECT * FROM read_parquet($1)", params=[str(path)])
        return sum(len(batch) for batch in found.to_arrow_reader(BATCH_ROWS))

    return run


def gemm(path: Path) -> Method:
    """The other half: one product over as many rows, already a matrix in memory."""
    shape = pq.read_metadata(path)
    width = min(PRODUCT_CELLS // shape.num_columns, shape.num_rows)
    block = np.random.default_rng(1).standard_normal((shape.num_columns, width))

    def run() -> None:
        for start in range(0, shape.num_rows, width):
            part = block[:, : min(width, shape.num_rows - start)]
            part @ part.T

    return run


def profile(path: Path) -> Method:
    """Return our statistics, with quantiles from the sample made at ingestion."""
    from datasets.analytics import engine
    from datasets.analytics.profile import profile as profiled

    engine.configure(path.parent)
    return lambda: profiled(path, sample=path.with_name("sample.parquet"))


def summarize(path: Path) -> Method:
    query = "SELECT * FROM (SUMMARIZE SELECT * FROM read_parquet($1))"
    return lambda: opened().execute(query, [str(path)]).fetchall()


def reference(path: Path) -> Method:
    """Two passes per pair over its common rows, centred twice."""

    def run() -> Floats:
        table = pq.read_table(path)
        columns = [table.column(name).to_numpy() for name in names(path)]
        del table
        return square([_two_passes(x, y) for x, y in combinations(columns, 2)])

    return run


def _two_passes(x: Floats, y: Floats) -> float:
    common = ~(np.isnan(x) | np.isnan(y))
    if not common.all():
        x, y = x[common], y[common]
    x, y = x - x.mean(), y - y.mean()
    x -= x.mean()
    y -= y.mean()
    return float(np.dot(x, y) / np.sqrt(np.dot(x, x) * np.dot(y, y)))


def square(values: Any) -> Floats:
    """Return the symmetric matrix of the upper triangle's values."""
    count = int((1 + (1 + 8 * len(values)) ** 0.5) / 2)
    matrix = np.eye(count)
    first, second = np.triu_indices(count, 1)
    matrix[first, second] = matrix[second, first] = np.array(values, dtype=float)
    return matrix


def opened() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": THREADS})


METHODS = {
    made.__name__: made
    for made in (
        ours,
        pandas,
        pandas_corr_only,
        polars,
        polars_frame,
        sql,
        export,
        gemm,
        profile,
        summarize,
        reference,
    )
}


def main(name: str, path: Path, result: Path) -> None:
    free_blas()
    run = METHODS[name](path)
    found: list[Any] = []
    is_slow = name == "reference"

    def once() -> None:
        found[:] = [run()]

    cost = best(once, least=1, most=1 if is_slow else 3, enough_s=1.5)
    if isinstance(found[0], np.ndarray):
        np.save(result, found[0])
    sys.stdout.write(json.dumps(asdict(cost)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
