"""Result of a drift comparison of two tables."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import pairwise
from typing import Any

from datasets.analytics.errors import InvalidParameter
from datasets.analytics.sql import Kind

REVISION = 3


class Level(StrEnum):
    """Drift of a column; `too_few_rows` when PSI would be mostly noise."""

    TOO_FEW_ROWS = "too_few_rows"
    NONE = "none"
    WARNING = "warning"
    DRIFT = "drift"


_ORDER = (Level.TOO_FEW_ROWS, Level.NONE, Level.WARNING, Level.DRIFT)


@dataclass(frozen=True, slots=True)
class Bound:
    """From where on a figure is a warning, and from where on drift."""

    warning: float
    drift: float

    def level(self, value: float) -> Level:
        if value >= self.drift:
            return Level.DRIFT
        return Level.WARNING if value >= self.warning else Level.NONE


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Bounds by check.

    PSI is judged after the expected value of no drift is taken off; `missing` is a
    change of the share of rows, `new_categories` a share.
    """

    psi: Bound = Bound(0.1, 0.25)
    ks: Bound = Bound(0.1, 0.2)
    js: Bound = Bound(0.05, 0.1)
    cramers_v: Bound = Bound(0.1, 0.3)
    missing: Bound = Bound(0.05, 0.2)
    new_categories: Bound = Bound(0.01, 0.1)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Thresholds":
        """Return the bounds of `{check: [warning, drift]}`, the others as they are.

        Raises InvalidParameter for an unknown check, or unless 0 < warning <= drift.
        """
        names = [field.name for field in fields(cls)]
        for name, pair in given.items():
            if name not in names:
                raise InvalidParameter(
                    f"There is no check {name!r}; checks are: {', '.join(names)}.",
                    field="thresholds",
                )
            if not _is_rising(pair):
                raise InvalidParameter(
                    f"{name} needs two numbers, 0 < warning <= drift.",
                    field="thresholds",
                )
        return cls(**{name: Bound(*map(float, pair)) for name, pair in given.items()})


def _is_rising(pair: Any) -> bool:
    """Whether this is two finite numbers above 0, the second not below the first."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004 - a pair
        return False
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in pair):
        return False
    return all(0 < low <= high < float("inf") for low, high in pairwise(pair))


@dataclass(frozen=True, slots=True)
class Check:
    """One figure with the bounds it was judged by."""

    name: str
    value: float
    warning: float
    drift: float
    level: Level


@dataclass(frozen=True, slots=True)
class Bins:
    """Shares of the rows per bin, in [0, 1]. `labels` are ranges or categories."""

    labels: tuple[str, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column of both tables.

    `n_reference` and `n_current` are the rows that the figures were computed from,
    all of them or (`exact` false) a random sample. `psi_expected` is what PSI would
    be without drift at these sizes; `js` is in bits, in [0, 1]; p-values are left
    out, because at a million rows everything has one of zero.
    """

    name: str
    kind: Kind
    level: Level
    checks: tuple[Check, ...]
    n_reference: int
    n_current: int
    exact: bool
    missing_reference: float
    missing_current: float
    psi: float | None = None
    psi_expected: float | None = None
    ks: float | None = None
    js: float | None = None
    chi_square: float | None = None
    degrees_of_freedom: int | None = None
    cramers_v: float | None = None
    new_categories: tuple[str, ...] = ()
    new_category_share: float | None = None
    bins: Bins | None = None


@dataclass(frozen=True, slots=True)
class Excluded:
    """A column that is not compared: `identifier` or `free_text`."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class TableDrift:
    """The columns that both tables have, in the order of the reference.

    `level` is the worst of them. `removed` and `added` columns and those of another
    kind (`retyped`) cannot be compared; one that is gone or became text is drift by
    itself (`became_text`, which are among `retyped`), one of another kind a warning.
    `retyped_by_rules` are of the same bytes, read by another revision of the type
    rules: no drift. `excluded` are columns whose values are new in every version, with
    the reason: identifiers and free text.
    """

    level: Level
    row_count_reference: int
    row_count_current: int
    columns: tuple[ColumnDrift, ...]
    removed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    became_text: tuple[str, ...] = ()
    retyped_by_rules: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    excluded: tuple[Excluded, ...] = ()

    @property
    def drifted(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns if c.level is Level.DRIFT)


def worst(levels: Iterable[Level]) -> Level:
    return max(levels, key=_ORDER.index, default=Level.NONE)
