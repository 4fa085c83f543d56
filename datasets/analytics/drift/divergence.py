"""Distances between two distributions, as plain functions of numbers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = lazy_import("numpy")


Floats: TypeAlias = "npt.NDArray[np.float64]"

FLOOR = 1e-4
_BINS = 10


def deciles(reference: Floats) -> Floats:
    """Return the inner edges of the reference's deciles, equal ones once.

    Edges are values that occur, so that a count of 0, 1, 2 is not cut in between.
    """
    if not len(reference):
        return np.zeros(0)
    fractions = np.arange(1, _BINS) / _BINS
    edges: Floats = np.unique(np.quantile(reference, fractions, method="inverted_cdf"))
    return edges


def shares_in(
    edges: Floats, values: Floats, nulls: int, nans: int
) -> tuple[list[str], list[float]]:
    """Return labels and shares of the bins (low, high], then of NULL and of NaN."""
    total = max(len(values) + nulls + nans, 1)
    counts = np.bincount(
        np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1
    )
    ends = ["-∞", *(f"{edge:.6g}" for edge in edges), "∞"]
    labels = [f"({low}, {high}]" for low, high in pairwise(ends)]
    shares = [float(count) / total for count in counts]
    return [*labels, "(missing)", "(NaN)"], [*shares, nulls / total, nans / total]


def psi(reference: Sequence[float], current: Sequence[float]) -> float:
    """Return the population stability index; empty bins count as 1e-4.

    Bins that are empty on both sides add nothing.
    """
    p = np.maximum(np.asarray(reference), FLOOR)
    q = np.maximum(np.asarray(current), FLOOR)
    return float(((q - p) * np.log(q / p)).sum())


def expected_psi(
    reference: Sequence[float], current: Sequence[float], sizes: tuple[int, int]
) -> float:
    """Return what PSI is on average without drift: (B - 1)(1/n + 1/m).

    B counts the bins that hold something on either side.
    """
    bins = sum(p > 0 or q > 0 for p, q in zip(reference, current, strict=True))
    return max(bins - 1, 0) * sum(1 / max(size, 1) for size in sizes)


def kolmogorov_smirnov(reference: Floats, current: Floats) -> float | None:
    """Return the largest distance of the two distribution functions, in [0, 1]."""
    if not len(reference) or not len(current):
        return None
    first, second = np.sort(reference), np.sort(current)
    points = np.concatenate([first, second])
    below = np.searchsorted(first, points, side="right") / len(first)
    above = np.searchsorted(second, points, side="right") / len(second)
    return float(np.abs(below - above).max())


def jensen_shannon(reference: Sequence[float], current: Sequence[float]) -> float:
    """Return the Jensen-Shannon divergence in bits, in [0, 1]."""
    p, q = np.asarray(reference, float), np.asarray(current, float)
    p, q = p / (p.sum() or 1.0), q / (q.sum() or 1.0)
    middle = (p + q) / 2
    return float(min(max((_kl(p, middle) + _kl(q, middle)) / 2, 0.0), 1.0))


def _kl(p: Floats, q: Floats) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())


def chi_square(
    reference: Sequence[int], current: Sequence[int]
) -> tuple[float, int, float]:
    """Return the statistic of a 2 x B table, its degrees of freedom, Cramér's V."""
    return contingency(np.array([reference, current], dtype=np.float64))


def contingency(table: Floats) -> tuple[float, int, float]:
    """Return chi-square, degrees of freedom and Cramér's V of a table of counts.

    Empty rows and columns are left out; V is 0 where one row or column is left.
    """
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    total = table.sum()
    least = min(table.shape, default=0) - 1
    if least < 1:
        return 0.0, 0, 0.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    return statistic, freedom, float(min(np.sqrt(statistic / (total * least)), 1.0))
