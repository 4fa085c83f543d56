"""Sums of a block by BLAS: the hot loop of the correlation.

Per slice of rows that fits the cache, one symmetric product of a matrix whose rows
are the z of each column, a row of ones and, for each column with gaps, its mask: it
holds all products, sums and counts at once. A second product with the squares is
needed for columns with gaps only.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from datasets.analytics.correlation.blocks import ColumnValues, Mask
from datasets.analytics.correlation.comoments import CoMoments, Floats, from_sums
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_import("numpy")

SLICE_BYTES = 2 << 20
_SHIFT_VALUES = 33
_MASK_HEAD = 4_096
_HEALTHY = (1e-200, 1e200)


def block_comoments(columns: Sequence[ColumnValues]) -> CoMoments:
    """Return the state of one block of rows."""
    shift = _shifts(columns)
    scale = np.ones(len(columns))
    with np.errstate(all="ignore"):
        found = _sums(columns, shift, scale)
        ill_conditioned = _ill_conditioned(found, columns, shift)
        if ill_conditioned.any():
            columns = _finite(columns, ill_conditioned)
            shift = _shifts(columns)
            scale = _scales(columns, shift, ill_conditioned)
            found = _sums(columns, shift, scale)
        return from_sums(shift, scale, found[0], found[1:])


def _shifts(columns: Sequence[ColumnValues]) -> Floats:
    """Return a value in the middle of each column's block: robust, and cheap.

    With an outlier of 1e12 a mean would take digits from every pair in which the
    outlier's partner is missing; a median does not move.
    """
    rows = len(columns[0])
    if not rows:
        return np.zeros(len(columns))
    every = max(rows // _SHIFT_VALUES, 1)
    picked = np.zeros((len(columns), len(range(0, rows, every))))
    for index, column in enumerate(columns):
        picked[index] = column.values[::every]
        if column.present is not None:
            picked[index] = _some_present(column, picked.shape[1])
    middle: Floats = np.median(picked, axis=1)
    return middle


def _some_present(column: ColumnValues, count: int) -> Floats:
    assert column.present is not None  # noqa: S101 - asked by the caller
    places = np.flatnonzero(column.present[:_MASK_HEAD])
    if not len(places):
        places = np.flatnonzero(column.present)
    if not len(places):
        return np.zeros(count)
    spread = places[np.arange(count) * len(places) // count]
    chosen: Floats = column.values[spread]
    return chosen


Sums = tuple[Floats, Floats, Floats, Floats]


def _sums(columns: Sequence[ColumnValues], shift: Floats, scale: Floats) -> Sums:
    """Return counts, sums of z, sums of z^2 and sums of products."""
    rows, count = len(columns[0]), len(columns)
    gaps = [index for index, column in enumerate(columns) if column.present is not None]
    height = count + 1 + len(gaps)
    width = max(SLICE_BYTES // (8 * height), 256)
    work = np.empty((height, min(width, rows)))
    squared = np.empty((count, work.shape[1])) if gaps else None
    products = np.zeros((height, height))
    squares = np.zeros((count, len(gaps)))
    factors = None if (scale == 1).all() else 1 / scale
    for start in range(0, rows, width):
        stop = min(start + width, rows)
        part = work[:, : stop - start]
        if part.shape[1] < work.shape[1]:
            part = np.ascontiguousarray(part)
        _fill(part, columns, (start, stop), shift)
        if factors is not None:
            part[:count] *= factors[:, None]
        products += part @ part.T
        if squared is not None:
            z = part[:count]
            target = squared[:, : part.shape[1]]
            np.multiply(z, z, out=target)
            squares += target @ part[count + 1 :].T
    return _assembled(products, squares, gaps, count)


def _fill(
    part: Floats, columns: Sequence[ColumnValues], rows: tuple[int, int], shift: Floats
) -> None:
    start, stop = rows
    count = len(columns)
    part[count] = 1.0
    gap = count + 1
    for index, column in enumerate(columns):
        np.subtract(column.values[start:stop], shift[index], out=part[index])
        if column.present is not None:
            present = column.present[start:stop]
            part[gap] = present
            # Not a product: what stands in a gap may be NaN.
            np.copyto(part[index], 0.0, where=~present)
            gap += 1


def _assembled(
    products: Floats, squares: Floats, gaps: Sequence[int], count: int
) -> Sums:
    rows = products[count, count]
    sums, own = products[:count, count], np.diagonal(products)[:count]
    if not gaps:
        return (
            np.full((1, 1), rows),
            sums[:, None].copy(),
            own[:, None].copy(),
            products[:count, :count],
        )
    masks = slice(count + 1, None)
    n = np.full((count, count), rows)
    n[gaps, :] = products[masks, count][:, None]
    n[:, gaps] = products[masks, count][None, :]
    n[np.ix_(gaps, gaps)] = products[masks, masks]
    z_sums = np.repeat(sums[:, None], count, axis=1)
    z_sums[:, gaps] = products[:count, masks]
    z_squares = np.repeat(own[:, None], count, axis=1)
    z_squares[:, gaps] = squares
    return n, z_sums, z_squares, products[:count, :count]


def _ill_conditioned(
    found: Sums, columns: Sequence[ColumnValues], shift: Floats
) -> Mask:
    """Return which columns hold NaN or infinities, or have squares out of range."""
    own = np.diagonal(found[3])
    low, high = _HEALTHY
    ill_conditioned: Mask = ~((own > low) & (own < high))
    for index in map(int, np.flatnonzero((own >= 0) & (own <= low))):
        # No spread at all is no doubt: nothing was lost.
        column = columns[index]
        differs = column.values != shift[index]
        if column.present is not None:
            differs &= column.present
        ill_conditioned[index] = differs.any()
    return ill_conditioned


def _finite(
    columns: Sequence[ColumnValues], ill_conditioned: Mask
) -> list[ColumnValues]:
    """Return the columns; NaN and infinities of ill-conditioned ones become gaps."""
    return [
        _only_finite(column) if is_ill_conditioned else column
        for column, is_ill_conditioned in zip(columns, ill_conditioned, strict=True)
    ]


def _only_finite(column: ColumnValues) -> ColumnValues:
    finite = np.isfinite(column.values)
    if column.present is not None:
        finite &= column.present
    elif finite.all():
        return column
    return ColumnValues(column.values, finite)


def _scales(
    columns: Sequence[ColumnValues], shift: Floats, ill_conditioned: Mask
) -> Floats:
    """Return powers of two that bring the largest z of those columns near one."""
    scale = np.ones(len(columns))
    for index in map(int, np.flatnonzero(ill_conditioned)):
        column = columns[index]
        values = column.values
        if column.present is not None:
            values = values[column.present]
        largest = np.abs(values - shift[index]).max(initial=0.0)
        if largest > 0 and np.isfinite(largest):
            scale[index] = np.ldexp(1.0, int(np.frexp(largest)[1]))
    return scale
