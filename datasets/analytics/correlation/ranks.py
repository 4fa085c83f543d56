"""Ranks for Spearman: the columns of a table as ranks, kept on disk.

Where no value is missing, ranks are those of the pair's rows. Where some are, a pair
of a small table is ranked again within its common rows; of a large
one ranks are over all values of each column, and the answer says so.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.analytics.correlation.blocks import (
    ColumnValues,
    blocks,
    open_parquet,
    partitions,
)
from datasets.analytics.database import TEMP_FOLDER
from datasets.analytics.errors import TooHeavy
from datasets.analytics.sql import Source
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = lazy_import("numpy")

MAX_CELLS = 500_000_000
MOST_PAIRS_AGAIN = 5_000
MOST_VALUES_AGAIN = 20_000_000
"""Pairs with gaps, and their values, that are ranked once more: seconds of work."""
_BLOCK_ROWS = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Ranks by column and row, NaN where a value is missing."""

    ranks: "npt.NDArray[np.float64]"
    gaps: "npt.NDArray[np.bool_]"

    @property
    def can_rank_again(self) -> bool:
        """Whether the pairs with gaps are few enough to be ranked one by one."""
        count, rows = self.ranks.shape
        pairs = math.comb(count, 2) - math.comb(count - int(self.gaps.sum()), 2)
        return pairs <= MOST_PAIRS_AGAIN and pairs * rows <= MOST_VALUES_AGAIN

    def pairs_with_gaps(self) -> list[tuple[int, int]]:
        """Return the pairs whose common rows may be fewer than either's own."""
        count = len(self.gaps)
        return [
            (i, j)
            for i in range(count)
            for j in range(i + 1, count)
            if self.gaps[i] or self.gaps[j]
        ]

    def common(self, i: int, j: int) -> list[ColumnValues]:
        """Return two columns ranked within the rows where both have a value.

        Ranks of ranks are the ranks of the values.
        """
        first, second = np.array(self.ranks[i]), np.array(self.ranks[j])
        both = ~(np.isnan(first) | np.isnan(second))
        return [ColumnValues(average_ranks(one[both]), None) for one in (first, second)]

    def blocks(self) -> Iterator[list[ColumnValues]]:
        count, rows = self.ranks.shape
        for start in range(0, rows, _BLOCK_ROWS):
            block = np.array(self.ranks[:, start : start + _BLOCK_ROWS])
            yield [
                ColumnValues(block[i], ~np.isnan(block[i]) if self.gaps[i] else None)
                for i in range(count)
            ]


@contextmanager
def rank_columns(
    source: Source, names: Sequence[str], folder: Path, check: Callable[[], None]
) -> Iterator[Ranked]:
    """Rank one column at a time into a temporary file; memory holds one column.

    Ties share their average rank. Raises TooHeavy beyond 500 million cells.
    """
    parts = partitions(source.paths, parts=1)
    rows = sum(_rows(part.path) for part in parts)
    if rows * len(names) > MAX_CELLS:
        raise TooHeavy("The table is too large to rank; ask for fewer columns.")
    with tempfile.TemporaryFile(dir=folder / TEMP_FOLDER) as file:
        file.truncate(max(rows * len(names) * 8, 8))
        ranks = np.memmap(file, np.float64, "r+", shape=(len(names), rows))
        gaps = np.zeros(len(names), dtype=np.bool_)
        for index, name in enumerate(names):
            check()
            values = np.concatenate(
                [
                    _with_nan(block[0])
                    for part in parts
                    for block in blocks(part, [name])
                ]
            )
            values[~np.isfinite(values)] = np.nan
            gaps[index] = np.isnan(values).any()
            ranks[index] = average_ranks(values)
        yield Ranked(ranks, gaps)


def average_ranks(values: "npt.NDArray[np.float64]") -> "npt.NDArray[np.float64]":
    """Return the ranks from 1 on; ties share their average, NaN has none (NaN).

    As `scipy.stats.rankdata` does, whose import costs every process 60 MB.
    """
    is_there = ~np.isnan(values)
    present = values[is_there]
    order = np.argsort(present, kind="stable")
    ascending = present[order]
    is_new = np.ones(len(ascending), dtype=np.bool_)
    is_new[1:] = ascending[1:] != ascending[:-1]
    starts = np.flatnonzero(is_new)
    ends = np.append(starts[1:], len(ascending))[: len(starts)]
    ranks = np.empty(len(ascending))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    found = np.full(len(values), np.nan)
    found[is_there] = ranks
    return found


def _rows(path: str) -> int:
    with open_parquet(path, None) as file:
        return int(file.metadata.num_rows)


def _with_nan(column: ColumnValues) -> "npt.NDArray[np.float64]":
    values = column.values.copy()
    if column.present is not None:
        values[~column.present] = np.nan
    return values
