"""A finished correlation matrix: what is defined, what is not, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from datasets.analytics.correlation.comoments import EPS, CoMoments, Floats
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = lazy_import("numpy")

REVISION = 2
MIN_PAIRS = 3
# Deviations below a few steps of the number grid are rounding, not spread.
GRID_STEPS = 8
WORST_ERROR = 1e-9
# Of a quotient of three sums, each with a few rounding errors of its own.
ROUNDINGS = 4


class CorrelationMethod(StrEnum):
    PEARSON = "pearson"
    SPEARMAN = "spearman"


class Reason(StrEnum):
    """Why a pair has no correlation, or a column is not in the matrix."""

    TOO_FEW_PAIRS = "too_few_pairs"
    CONSTANT = "constant"
    OUT_OF_RANGE = "out_of_range"
    NOT_NUMERIC = "not_numeric"


_REASONS = (None, Reason.TOO_FEW_PAIRS, Reason.CONSTANT, Reason.OUT_OF_RANGE)


@dataclass(frozen=True, slots=True)
class CorrelationPair:
    """A defined correlation in [-1, 1] over `n` rows where both have a value."""

    feature1: str
    feature2: str
    correlation: float
    n: int


@dataclass(frozen=True, slots=True)
class UndefinedPair:
    """A pair that has no correlation, over `n` common rows."""

    feature1: str
    feature2: str
    reason: Reason
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Correlation:
    """Correlations of all pairs of `columns`, with pairwise deletion of gaps.

    `matrix` (k x k) holds NaN where `reasons` (indexes, 0 for none) says why;
    `counts` the common rows. Spearman is `exact` when ranks were taken within each
    pair's common rows; otherwise over all values of each column.
    """

    method: CorrelationMethod
    row_count: int
    columns: tuple[str, ...]
    excluded: tuple[tuple[str, Reason], ...]
    matrix: Floats
    counts: "npt.NDArray[np.int64]"
    reasons: "npt.NDArray[np.int8]"
    exact: bool = True

    def pairs(
        self, *, min_abs: float = 0.0, top: int | None = None
    ) -> list[CorrelationPair]:
        """Return the defined pairs of two columns with |r| >= `min_abs`.

        In the order of columns; with `top`, the strongest ones, strongest first.
        """
        first, second = np.triu_indices(len(self.columns), 1)
        values = self.matrix[first, second]
        with np.errstate(invalid="ignore"):
            kept = np.flatnonzero(np.abs(values) >= min_abs)
        if top is not None:
            kept = kept[np.argsort(-np.abs(values[kept]), kind="stable")[:top]]
        counts = self.counts[first, second]
        return [
            CorrelationPair(
                self.columns[first[index]],
                self.columns[second[index]],
                float(values[index]),
                int(counts[index]),
            )
            for index in kept
        ]

    def undefined(self) -> list[UndefinedPair]:
        """Return the pairs without a figure, in the order of columns."""
        return list(self._undefined())

    def _undefined(self) -> Iterator[UndefinedPair]:
        first, second = np.nonzero(np.triu(self.reasons, 1))
        for i, j in zip(first, second, strict=True):
            reason = _REASONS[self.reasons[i, j]]
            if reason is not None:
                names = self.columns[i], self.columns[j]
                yield UndefinedPair(*names, reason, int(self.counts[i, j]))

    def rows(self) -> list[list[float | None]]:
        """Return the matrix with None where a pair is undefined."""
        listed: list[list[float | None]] = self.matrix.tolist()
        for i, j in zip(*np.nonzero(self.reasons), strict=True):
            listed[i][j] = None
        return listed


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """Correlations by position, and which pairs lost too many digits."""

    matrix: Floats
    counts: "npt.NDArray[np.int64]"
    reasons: "npt.NDArray[np.int8]"
    imprecise: "npt.NDArray[np.bool_]"


def solve(state: CoMoments) -> Solved:
    """Return r = c / sqrt(m2 m2^T), clipped to [-1, 1].

    A product of a column with its own copy is not added up in the order of its
    square, and r comes out as 1 - 1e-16: what is less than its own rounding error
    away from 1 or -1 is 1 or -1.

    `imprecise` pairs have rounding errors of more than 1e-9 in a variance: their
    figure has to come from the values of the two columns.
    """
    count = len(state.shift)
    n = np.broadcast_to(state.n, (count, count))
    m2 = np.broadcast_to(state.m2, (count, count))
    with np.errstate(all="ignore"):
        matrix = state.c / (np.sqrt(m2) * np.sqrt(m2.T))
        grid = (
            GRID_STEPS * EPS * np.abs((state.shift / state.scale)[:, None] + state.mean)
        )
        flat = np.broadcast_to(m2 <= state.n * grid * grid, (count, count))
        vague = np.broadcast_to(state.error > m2 * WORST_ERROR, (count, count))
        rounding = np.broadcast_to(state.error / m2, (count, count))
        is_one = 1 - np.abs(matrix) <= ROUNDINGS * (rounding + rounding.T)
    reasons = np.zeros((count, count), dtype=np.int8)
    reasons[~np.isfinite(matrix)] = _REASONS.index(Reason.OUT_OF_RANGE)
    reasons[flat | flat.T] = _REASONS.index(Reason.CONSTANT)
    reasons[n < MIN_PAIRS] = _REASONS.index(Reason.TOO_FEW_PAIRS)
    matrix[is_one] = np.sign(matrix[is_one])
    np.clip(matrix, -1.0, 1.0, out=matrix)
    matrix[np.diag_indices(count)] = 1.0
    matrix[reasons > 0] = np.nan
    imprecise = (vague | vague.T) & (n >= MIN_PAIRS)
    np.fill_diagonal(imprecise, val=False)
    return Solved(matrix, n.astype(np.int64), reasons, imprecise)
