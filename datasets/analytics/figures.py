"""The figures that describe a column, ready for JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.analytics.sql import Kind


@dataclass(frozen=True, slots=True)
class Distinct:
    """Number of distinct values, without missing ones."""

    value: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Values by their fraction (`"0.5"`), exact or read from `rows` sampled rows."""

    values: Mapping[str, float | str]
    exact: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts of all finite values in bins of equal width; the last includes its end.

    Edges are numbers, or UTC times in RFC 3339 for dates and times.
    """

    edges: tuple[float | str, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TopValue:
    """A frequent value and its share of the rows that have one, in [0, 1]."""

    value: Any
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """Statistics of one column. `null_share` is a fraction of the rows, in [0, 1].

    `mean`, `std` (sample, n - 1), `min` and `max` are over finite values; for text
    `min_length`, `max_length` and `mean_length` count characters. `top` is of a
    random sample where `top_exact` is false.
    """

    name: str
    type: str
    kind: Kind
    count: int
    nulls: int
    null_share: float
    nan: int = 0
    infinite: int = 0
    distinct: Distinct | None = None
    min: Any = None
    max: Any = None
    mean: float | None = None
    std: float | None = None
    zeros: int | None = None
    quantiles: Quantiles | None = None
    histogram: Histogram | None = None
    top: tuple[TopValue, ...] = ()
    top_exact: bool = True
    min_length: int | None = None
    max_length: int | None = None
    mean_length: float | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """The statistics of a table, in the order of its columns."""

    row_count: int
    columns: tuple[ColumnProfile, ...]
