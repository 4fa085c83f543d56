"""Counts, means and co-moments of every pair of columns; parts add up.

For rows where both columns i and j have a value: `n[i, j]` how many, `mean[i, j]`
the mean of column i, `m2[i, j]` its squared deviations, `c[i, j]` the products of
both deviations. While no value is missing anywhere, n, mean and m2 do not depend on
j and are kept as one column, which broadcasts.

Values are z = (x - shift) / scale: the shift (a median) keeps digits that squares
of 1e9 would push out, the scale (a power of two) keeps 1e150 from overflowing.
"""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
else:
    np = lazy_import("numpy")


Floats: TypeAlias = "npt.NDArray[np.float64]"
EPS = sys.float_info.epsilon


@dataclass(frozen=True, slots=True, eq=False)
class CoMoments:
    """The state of a part of the rows. About 5 k^2 doubles for k columns.

    `error[i, j]` bounds the rounding error of `m2[i, j]`, in the same unit.
    """

    shift: Floats
    scale: Floats
    n: Floats
    mean: Floats
    m2: Floats
    c: Floats
    error: Floats

    @property
    def row_counts(self) -> Floats:
        """Return how many values each column has."""
        count = len(self.shift)
        full = np.broadcast_to(self.n, (count, count))
        return np.ascontiguousarray(np.diagonal(full))

    def merge(self, other: "CoMoments") -> "CoMoments":
        """Return the state of the rows of both (Chan, Golub and LeVeque 1979)."""
        ratio = (other.scale / self.scale)[:, None]
        moved = ((other.shift - self.shift) / self.scale)[:, None]
        n = self.n + other.n
        share = np.divide(other.n, n, out=np.zeros_like(n), where=n > 0)
        delta = moved + other.mean * ratio - self.mean
        weight = self.n * share
        squared = ratio * ratio
        return CoMoments(
            shift=self.shift,
            scale=self.scale,
            n=n,
            mean=self.mean + delta * share,
            m2=self.m2 + other.m2 * squared + delta * delta * weight,
            c=self.c + other.c * (ratio * ratio.T) + delta * delta.T * weight,
            error=self.error + other.error * squared,
        )

    def to_arrays(self) -> "dict[str, npt.NDArray[Any]]":
        """Return the state for `numpy.savez`: what machines send each other."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_arrays(cls, arrays: "dict[str, npt.NDArray[Any]]") -> "CoMoments":
        """Return the state that `to_arrays` gave."""
        return cls(**{name: np.asarray(arrays[name]) for name in cls.__slots__})


def from_sums(
    shift: Floats, scale: Floats, n: Floats, totals: tuple[Floats, Floats, Floats]
) -> CoMoments:
    """Return the state of a block from sums of z, of z^2 and of products.

    Raises nothing: a pair without rows has zeros.
    """
    sums, squares, products = totals
    mean = np.divide(sums, n, out=np.zeros_like(sums), where=n > 0)
    return CoMoments(
        shift=shift,
        scale=scale,
        n=n,
        mean=mean,
        m2=np.maximum(squares - mean * sums, 0.0),
        c=products - mean * sums.T,
        error=EPS * squares,
    )
