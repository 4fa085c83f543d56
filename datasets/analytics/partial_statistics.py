"""Statistics of numeric columns in parts that add up: files, processes, machines.

Two rounds over the same partitions as a correlation, mapped by the same `Mapper`:
counts and extremes first, then mean, spread and histogram within the range that all
parts together have. Values are read as doubles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np

from datasets.analytics.blas import one_thread_per_product
from datasets.analytics.correlation.blocks import (
    ColumnValues,
    Floats,
    Partition,
    blocks,
)
from datasets.analytics.correlation.passes import Mapper
from datasets.analytics.distributions import Shape
from datasets.analytics.figures import ColumnProfile, Profile
from datasets.analytics.sql import Kind, TableColumn


@dataclass(frozen=True, slots=True)
class Extent:
    """Counts and extremes of one column. `low` and `high` are of finite values."""

    rows: int = 0
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    zeros: int = 0
    low: float = float("inf")
    high: float = float("-inf")

    @property
    def is_empty(self) -> bool:
        return self.low > self.high

    def merge(self, other: "Extent") -> "Extent":
        """Return the extent of the rows of both."""
        return Extent(
            rows=self.rows + other.rows,
            nulls=self.nulls + other.nulls,
            nan=self.nan + other.nan,
            infinite=self.infinite + other.infinite,
            zeros=self.zeros + other.zeros,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )


def extents(part: Partition, names: Sequence[str]) -> tuple[Extent, ...]:
    """Return the extents of the named columns: what a remote worker computes first."""
    found = tuple(Extent() for _ in names)
    for block in blocks(part, names):
        found = _merged(found, tuple(map(_extent, block)))
    return found


def shapes(part: Partition, wanted: Sequence[Shape]) -> tuple[Shape, ...]:
    """Return the sums of one part, to be added to empty shapes of the same ranges."""
    found = tuple(replace(shape) for shape in wanted)
    with np.errstate(all="ignore"), one_thread_per_product():
        for block in blocks(part, [shape.column.name for shape in wanted]):
            for shape, column in zip(found, block, strict=True):
                shape.add(_present(column))
    return found


def profile_parts(
    parts: Sequence[Partition], names: Sequence[str], run: Mapper
) -> Profile:
    """Return the statistics of at least one column over all parts together.

    Without what does not add up: distinct and top values, quantiles.
    """
    nothing = tuple(Extent() for _ in names)
    whole = reduce(_merged, run(partial(extents, names=names), parts), nothing)
    empty = [
        Shape(TableColumn(name, "DOUBLE"), extent.low, extent.high)
        for name, extent in zip(names, whole, strict=True)
        if not extent.is_empty
    ]
    found: dict[str, Shape] = {}
    if empty:
        states = run(partial(shapes, wanted=empty), parts)
        for shape in reduce(_added, states):
            found[shape.column.name] = shape
    return Profile(whole[0].rows, tuple(_columns(names, whole, found)))


def _merged(one: tuple[Extent, ...], other: tuple[Extent, ...]) -> tuple[Extent, ...]:
    return tuple(a.merge(b) for a, b in zip(one, other, strict=True))


def _added(one: tuple[Shape, ...], other: tuple[Shape, ...]) -> tuple[Shape, ...]:
    return tuple(a.merge(b) for a, b in zip(one, other, strict=True))


def _present(column: ColumnValues) -> Floats:
    return column.values if column.present is None else column.values[column.present]


def _extent(column: ColumnValues) -> Extent:
    values = _present(column)
    finite = values[np.isfinite(values)]
    nan = int(np.count_nonzero(np.isnan(values)))
    return Extent(
        rows=len(column),
        nulls=len(column) - len(values),
        nan=nan,
        infinite=len(values) - len(finite) - nan,
        zeros=len(finite) - int(np.count_nonzero(finite)),
        low=float(finite.min(initial=np.inf)),
        high=float(finite.max(initial=-np.inf)),
    )


def _columns(
    names: Sequence[str], extents: Sequence[Extent], found: dict[str, Shape]
) -> Iterator[ColumnProfile]:
    for name, extent in zip(names, extents, strict=True):
        yield ColumnProfile(
            name=name,
            type="DOUBLE",
            kind=Kind.FLOAT,
            count=extent.rows - extent.nulls,
            nulls=extent.nulls,
            null_share=extent.nulls / extent.rows if extent.rows else 0.0,
            nan=extent.nan,
            infinite=extent.infinite,
            zeros=extent.zeros,
            min=None if extent.is_empty else extent.low,
            max=None if extent.is_empty else extent.high,
            **(found[name].figures() if name in found else {}),
        )
