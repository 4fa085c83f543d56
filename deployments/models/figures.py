"""Figures of traffic: what one window, or many together, amount to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deployments.serving.histogram import merge, quantile, subtract

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

    @classmethod
    def total(cls, many: Iterable["Figures"]) -> "Figures":
        """Return the sum of many."""
        listed = list(many)
        return cls(
            sum(one.request_count for one in listed),
            sum(one.error_count for one in listed),
            sum(one.client_error_count for one in listed),
            sum(one.rejected_count for one in listed),
            sum(one.sum_ms for one in listed),
            max((one.max_ms for one in listed), default=0.0),
            merge(one.histogram for one in listed),
            max((one.last_updated for one in listed if one.last_updated), default=None),
        )

    def __add__(self, other: "Figures") -> "Figures":
        return self.total((self, other))

    def __sub__(self, earlier: "Figures") -> "Figures":
        """Return what has come since; the maximum stays that of all of it."""
        return Figures(
            self.request_count - earlier.request_count,
            self.error_count - earlier.error_count,
            self.client_error_count - earlier.client_error_count,
            self.rejected_count - earlier.rejected_count,
            self.sum_ms - earlier.sum_ms,
            self.max_ms,
            subtract(self.histogram, earlier.histogram),
            self.last_updated,
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
