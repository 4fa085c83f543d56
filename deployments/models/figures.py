"""Figures of traffic: what one window, or many together, amount to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from deployments.serving.histogram import merge, quantile, subtract

Histogram = Mapping[str, int]
ADDED = (
    "request_count",
    "error_count",
    "client_error_count",
    "rejected_count",
    "unavailable_count",
    "non_finite_count",
    "refused_anew_count",
    "sum_ms",
)


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts and latencies; they add up.

    `request_count` is every call that was answered. Among them: `error_count`, the
    model's failures and time-outs; `client_error_count`, what it refused;
    `refused_anew_count`, what of it the version before would have taken;
    `non_finite_count`, answers with a NaN or an infinity; and what never reached it
    and has no latency: `rejected_count`, turned away by overload, and
    `unavailable_count`, which found no instance ready. `correction`, added to the
    histogram, makes it that of the models' own times (`own_histogram`).
    `last_updated` is the beginning of the last window that counted anything.
    """

    request_count: int = 0
    error_count: int = 0
    client_error_count: int = 0
    rejected_count: int = 0
    unavailable_count: int = 0
    non_finite_count: int = 0
    refused_anew_count: int = 0
    sum_ms: float = 0.0
    max_ms: float = 0.0
    histogram: Histogram = field(default_factory=dict)
    correction: Histogram = field(default_factory=dict)
    last_updated: datetime | None = None

    @classmethod
    def total(cls, many: Iterable["Figures"]) -> "Figures":
        """Return the sum of many."""
        listed = list(many)
        return cls(
            **{name: sum(getattr(one, name) for one in listed) for name in ADDED},
            max_ms=max((one.max_ms for one in listed), default=0.0),
            histogram=merge(one.histogram for one in listed),
            correction=merge(one.correction for one in listed),
            last_updated=max(
                (one.last_updated for one in listed if one.last_updated), default=None
            ),
        )

    def __add__(self, other: "Figures") -> "Figures":
        return self.total((self, other))

    def __sub__(self, earlier: "Figures") -> "Figures":
        """Return what has come since; the maximum stays that of all of it."""
        return Figures(
            **{name: getattr(self, name) - getattr(earlier, name) for name in ADDED},
            max_ms=self.max_ms,
            histogram=subtract(self.histogram, earlier.histogram),
            correction=subtract(self.correction, earlier.correction),
            last_updated=self.last_updated,
        )

    @property
    def reached_count(self) -> int:
        """Number of calls that reached the model."""
        return self.request_count - self.rejected_count - self.unavailable_count

    @property
    def error_rate(self) -> float:
        """A fraction in [0, 1]; 0 without requests."""
        return self.error_count / self.request_count if self.request_count else 0.0

    @property
    def unavailable_rate(self) -> float:
        """The share that found no instance ready, in [0, 1]; 0 without requests."""
        count = self.request_count
        return self.unavailable_count / count if count else 0.0

    @property
    def non_finite_rate(self) -> float:
        """The share answered with a NaN or an infinity; 0 without requests."""
        return self.non_finite_count / self.request_count if self.request_count else 0.0

    @property
    def avg_latency_ms(self) -> float | None:
        """The mean over all that reached the model, exact; None without any."""
        timed = self.reached_count
        return self.sum_ms / timed if timed > 0 else None

    @property
    def own_histogram(self) -> Histogram:
        """Histogram of the models' own times.

        Not in it: waits for a processor, of gateways and of model processes.
        """
        if not self.correction:
            return self.histogram
        merged = merge((self.histogram, self.correction))
        return {number: count for number, count in merged.items() if count}

    @property
    def p95_latency_ms(self) -> float | None:
        return self.percentile_ms(0.95)

    @property
    def p99_latency_ms(self) -> float | None:
        return self.percentile_ms(0.99)

    @property
    def own_p95_latency_ms(self) -> float | None:
        """The 95th percentile of the models' own times (`own_histogram`)."""
        own = self.own_histogram
        return quantile(own, 0.95) if own else None

    def percentile_ms(self, fraction: float) -> float | None:
        """Return a latency from the histogram, right to a bucket's width (10 %)."""
        return quantile(self.histogram, fraction) if self.histogram else None
