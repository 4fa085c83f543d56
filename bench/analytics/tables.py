"""The tables that the measurements run on: made once, by our own ingestion.

Column 0 is 1e9 + 0.001 noise on purpose; in the tables with nulls every third
column misses 3 % of its values.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.analytics import ingest

BLOCK_ROWS = 122_880
NULL_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a table is, and whether values are missing."""

    rows: int
    columns: int
    has_nulls: bool

    def __str__(self) -> str:
        words = {1_000_000: "1M", 5_000_000: "5M", 100_000: "100k"}
        rows = words.get(self.rows, str(self.rows))
        return f"{rows} x {self.columns} {'nulls' if self.has_nulls else 'clean'}"


SHAPES = tuple(
    Shape(rows, columns, has_nulls)
    for rows, columns in ((1_000_000, 20), (5_000_000, 30), (100_000, 200))
    for has_nulls in (False, True)
)


def parquet(folder: Path, shape: Shape) -> Path:
    """Return the data.parquet of a shape, made on first use."""
    target = folder / str(shape).replace(" ", "_")
    if not (target / "data.parquet").exists():
        raw = folder / "raw.parquet"
        _write(raw, shape)
        shutil.rmtree(target, ignore_errors=True)
        ingest.convert([ingest.InputFile(raw, "raw.parquet")], target)
        raw.unlink()
    return target / "data.parquet"


def _write(path: Path, shape: Shape) -> None:
    names = [f"x{index}" for index in range(shape.columns)]
    schema = pa.schema([(name, pa.float64()) for name in names])
    rng = np.random.default_rng(7)
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, shape.rows, BLOCK_ROWS):
            count = min(BLOCK_ROWS, shape.rows - start)
            common = rng.standard_normal(count)
            arrays = []
            for index in range(shape.columns):
                values = rng.standard_normal(count) + common * (index % 5) / 4
                if index == 0:
                    values = 1e9 + 0.001 * (values + common)
                lost = None
                if shape.has_nulls and index % 3 == 0:
                    lost = rng.random(count) < NULL_SHARE
                arrays.append(pa.array(values, mask=lost))
            writer.write_batch(pa.record_batch(arrays, schema=schema))
