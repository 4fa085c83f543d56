"""The shapes that charts are drawn from. Know no rows and no pixels."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One line or one layer of columns; None is a gap. `tone` names its colour."""

    name: str
    values: Sequence[float | None]
    tone: str = "primary"

    @property
    def total(self) -> float:
        return sum(value for value in self.values if value is not None)


@dataclass(frozen=True, slots=True)
class Series:
    """Lines over common points; `labels` name the points, in order."""

    labels: Sequence[str]
    lines: Sequence[ChartLine]
    unit: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but gaps and zeros."""
        return not any(value for line in self.lines for value in line.values)


@dataclass(frozen=True, slots=True)
class ChartShare:
    """A named amount, with the page that lists what it counts."""

    name: str
    value: float
    tone: str = "primary"
    url: str = ""
