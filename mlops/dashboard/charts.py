"""Draws series: from figures to the coordinates that a template writes as SVG.

Nothing here writes markup, so nothing has to be escaped here.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlops.dashboard.series import ChartLine, ChartShare, Series

WIDE, NARROW, HEIGHT = 640.0, 340.0, 200.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 8.0, 10.0, 22.0
GAP = 0.25
TICKS = 4
MAX_LABELS = 7
ROW_HEIGHT = 26.0
STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Mark:
    """A rectangle with the text that shows under the pointer."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    title: str


@dataclass(frozen=True, slots=True)
class Path:
    """A line as SVG's `d`, broken where there is no value."""

    d: str
    tone: str
    dots: Sequence[Mark]


@dataclass(frozen=True, slots=True)
class Label:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart in user units of a `width` x `height` view box."""

    title: str
    marks: Sequence[Mark] = ()
    paths: Sequence[Path] = ()
    ticks: Sequence[Label] = ()
    labels: Sequence[Label] = ()
    legend: Sequence[ChartLine] = ()
    unit: str = ""
    note: str = ""
    width: float = WIDE
    height: float = HEIGHT

    @property
    def is_empty(self) -> bool:
        return not (self.marks or self.paths)


@dataclass(frozen=True, slots=True)
class ChartBar:
    """A horizontal bar; `percent` of the widest one."""

    share: ChartShare
    percent: float


def columns(
    title: str, series: Series, *, note: str = "", width: float = WIDE
) -> Chart:
    """Return stacked columns; the first line is at the bottom."""
    if series.is_empty:
        return Chart(title, note=note)
    heights = [sum(value or 0 for value in point) for point in _points(series)]
    least = 1 if all(isinstance(height, int) for height in heights) else 0
    scale = _Scale.upto(max(heights), len(series.labels), width, least_step=least)
    return Chart(
        title,
        marks=list(_stacks(series, scale)),
        ticks=scale.ticks,
        labels=_labels(series.labels, scale),
        legend=series.lines if len(series.lines) > 1 else (),
        unit=series.unit,
        note=note,
        width=width,
    )


def lines(title: str, series: Series, *, note: str = "", width: float = WIDE) -> Chart:
    """Return lines over common points."""
    if series.is_empty:
        return Chart(title, note=note)
    known = [v for line in series.lines for v in line.values if v is not None]
    scale = _Scale.upto(max(known), len(series.labels), width)
    return Chart(
        title,
        paths=[_path(line, series, scale) for line in series.lines],
        ticks=scale.ticks,
        labels=_labels(series.labels, scale),
        legend=series.lines if len(series.lines) > 1 else (),
        unit=series.unit,
        note=note,
        width=width,
    )


def rows(shares: Sequence[ChartShare]) -> list[ChartBar]:
    """Return a bar for every share, as a part of the largest."""
    largest = max((share.value for share in shares), default=0) or 1
    return [ChartBar(share, 100 * share.value / largest) for share in shares]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Turns values and positions of points into coordinates."""

    top_value: float
    points: int
    width: float

    @classmethod
    def upto(
        cls, value: float, points: int, width: float, *, least_step: float = 0
    ) -> "_Scale":
        """Return a scale whose end is the next round number.

        Its ticks are at least `least_step` apart: half a run is none.
        """
        step = max(value / TICKS, least_step)
        magnitude = 10.0 ** math.floor(math.log10(step))
        factor = next(f for f in STEPS if f * magnitude >= step * (1 - 1e-9))
        return cls(factor * magnitude * TICKS, points, width)

    @property
    def slot(self) -> float:
        return (self.width - LEFT - RIGHT) / self.points

    @property
    def ticks(self) -> list[Label]:
        values = [self.top_value * number / TICKS for number in range(TICKS + 1)]
        return [Label(self.y(value), short(value)) for value in values]

    def y(self, value: float) -> float:
        drawn = HEIGHT - TOP - BOTTOM
        return round(HEIGHT - BOTTOM - drawn * value / self.top_value, 2)

    def middle(self, point: int) -> float:
        return round(LEFT + (point + 0.5) * self.slot, 2)


def short(value: float) -> str:
    """Return a number in few characters: 1.2k, 3M, 0.05."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def _points(series: Series) -> Iterator[tuple[float | None, ...]]:
    return zip(*(line.values for line in series.lines), strict=True)


def _stacks(series: Series, scale: _Scale) -> Iterator[Mark]:
    width = round(scale.slot * (1 - GAP), 2)
    for number, point in enumerate(_points(series)):
        base = 0.0
        for line, value in zip(series.lines, point, strict=True):
            if not value:
                continue
            top, bottom = scale.y(base + value), scale.y(base)
            title = f"{series.labels[number]}: {short(value)} {line.name}"
            x = round(scale.middle(number) - width / 2, 2)
            yield Mark(x, top, width, round(bottom - top, 2), line.tone, title)
            base += value


def _path(line: ChartLine, series: Series, scale: _Scale) -> Path:
    d, dots, pen_is_up = [], [], True
    for number, value in enumerate(line.values):
        if value is None:
            pen_is_up = True
            continue
        x, y = scale.middle(number), scale.y(value)
        d.append(f"{'M' if pen_is_up else 'L'}{x} {y}")
        title = f"{series.labels[number]}: {short(value)} {series.unit} {line.name}"
        dots.append(Mark(x, y, 0, 0, line.tone, title))
        pen_is_up = False
    return Path("".join(d), line.tone, dots)


def _labels(names: Sequence[str], scale: _Scale) -> list[Label]:
    count = round(MAX_LABELS * scale.width / WIDE)
    every = math.ceil(len(names) / count)
    return [
        Label(scale.middle(number), name)
        for number, name in enumerate(names)
        if number % every == 0
    ]
