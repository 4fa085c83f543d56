"""A deployment's traffic over a window, as a whole and step by step."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from deployments.models.deployment import Deployment
from deployments.models.figures import Figures
from deployments.models.traffic import HOUR_S, MINUTE_S
from mlops.core.errors import BadQuery

DAY_S = 24 * HOUR_S
WINDOWS: dict[str, int] = {
    "5m": 5 * MINUTE_S,
    "1h": HOUR_S,
    "6h": 6 * HOUR_S,
    "24h": DAY_S,
    "7d": 7 * DAY_S,
    "30d": 30 * DAY_S,
}
STEPS: dict[str, int] = {
    "1m": MINUTE_S,
    "5m": 5 * MINUTE_S,
    "15m": 15 * MINUTE_S,
    "1h": HOUR_S,
    "6h": 6 * HOUR_S,
    "1d": DAY_S,
}
_DEFAULT_STEPS = {
    "5m": "1m",
    "1h": "1m",
    "6h": "5m",
    "24h": "15m",
    "7d": "1h",
    "30d": "6h",
}
MAX_POINTS = 1500


@dataclass(frozen=True, slots=True)
class TrafficPoint:
    """The figures of one step; `seconds` is how long it lasts."""

    starts_at: datetime
    seconds: int
    figures: Figures

    @property
    def rps(self) -> float:
        return self.figures.request_count / self.seconds


@dataclass(frozen=True, slots=True)
class Report:
    """The steps of a window, the oldest first; the last one is still under way."""

    deployment_id: str
    window: str
    step_seconds: int
    total: TrafficPoint
    series: list[TrafficPoint]


def report(
    deployment: Deployment, window: str, step: str | None, now: datetime
) -> Report:
    """Return a deployment's traffic of the last `window`. Raises BadQuery."""
    if window not in WINDOWS:
        raise BadQuery(f"window must be one of: {', '.join(WINDOWS)}.", field="window")
    step = _DEFAULT_STEPS[window] if step is None else step
    if step not in STEPS:
        raise BadQuery(f"step must be one of: {', '.join(STEPS)}.", field="step")
    length, step_s = WINDOWS[window], STEPS[step]
    if (
        step_s > length
        or length // step_s > MAX_POINTS
        or _is_forgotten(length, step_s)
    ):
        raise BadQuery(f"The step {step} does not suit {window}.", field="step")
    end = _end_of_step(now, step_s)
    start = end - timedelta(seconds=length)
    figures = deployment.windows.series(start, step_s, length // step_s)
    points = [
        TrafficPoint(start + timedelta(seconds=step_s * number), step_s, one)
        for number, one in enumerate(figures)
    ]
    total = TrafficPoint(start, length, Figures.total(figures))
    return Report(str(deployment.pk), window, step_s, total, points)


def _is_forgotten(length: int, step_s: int) -> bool:
    """Whether a step would be finer than the hours that are left of old minutes."""
    return length > 2 * DAY_S and step_s < HOUR_S


def _end_of_step(moment: datetime, step_s: int) -> datetime:
    """Return when the step under way at `moment` ends; it begins with its start."""
    steps = int(moment.timestamp()) // step_s + 1
    return datetime.fromtimestamp(steps * step_s, UTC)
