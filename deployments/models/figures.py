"""Figures of traffic: what one window, or many together, amount to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deployments.gateway.histogram import merge, quantile

Histogram = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts and latencies; they add up.

    `request_count` is every call that was answered, `rejected_count` those among
    them that overload turned away; these have no latency. `error_count` is the
    model's failures and time-outs. `last_updated` is the beginning of the last
    window that counted anything.
    """

    request_count: int = 0
    error_count: int = 0
    client_error_count: int = 0
    rejected_count: int = 0
    sum_ms: float = 0.0
    max_ms: float = 0.0
    histogram: Histogram = field(default_factory=dict)
    last_updated: datetime | None = None

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.request_count + other.request_count,
            self.error_count + other.error_count,
            self.client_error_count + other.client_error_count,
            self.rejected_count + other.rejected_count,
            self.sum_ms + other.sum_ms,
            max(self.max_ms, other.max_ms),
            merge(self.histogram, other.histogram),
            _later(self.last_updated, other.last_updated),
        )

    @property
    def error_rate(self) -> float:
        """A fraction in [0, 1]; 0 without requests."""
        return self.error_count / self.request_count if self.request_count else 0.0

    @property
    def avg_latency_ms(self) -> float | None:
        """The mean over all that reached the model, exact; None without any."""
        timed = self.request_count - self.rejected_count
        return self.sum_ms / timed if timed > 0 else None

    @property
    def p95_latency_ms(self) -> float | None:
        return self.percentile_ms(0.95)

    @property
    def p99_latency_ms(self) -> float | None:
        return self.percentile_ms(0.99)

    def percentile_ms(self, fraction: float) -> float | None:
        """Return a latency from the histogram, right to a bucket's width (10 %)."""
        return quantile(self.histogram, fraction) if self.histogram else None


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
