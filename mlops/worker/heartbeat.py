"""Signs of life of a worker process: its loop, its passes, its threads.

Written by the loop and the threads, read by who answers at the worker's own port.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)


@dataclass(slots=True)
class ThreadLife:
    """A thread's last round: when it ended, how long it took, failures so far."""

    ended_at: float
    took_s: float = 0.0
    failures: int = 0


@dataclass(slots=True)
class Heartbeat:
    """Times are of `time.monotonic`; durations in seconds."""

    seen_at: float = field(default_factory=time.monotonic)
    passes: int = 0
    passing_s: float = 0.0
    is_leader: bool = False
    threads: dict[str, ThreadLife] = field(default_factory=dict)

    def beat(self) -> None:
        """Note that the loop has come round."""
        self.seen_at = time.monotonic()

    def passed(self, took_s: float, *, is_leader: bool) -> None:
        """Note a pass of the loop."""
        self.beat()
        self.passes += 1
        self.passing_s += took_s
        self.is_leader = is_leader

    def round_of(self, thread: str, took_s: float, *, failed: bool) -> None:
        """Note a round of a thread."""
        now = time.monotonic()
        life = self.threads.setdefault(thread, ThreadLife(now))
        life.ended_at, life.took_s = now, took_s
        life.failures += failed

    @property
    def age_s(self) -> float:
        """For how long the loop has not come round."""
        return time.monotonic() - self.seen_at

    def families(self) -> Iterable[Metric]:
        """Yield it as metrics."""
        yield GaugeMetricFamily(
            "mlops_worker_heartbeat_age_seconds",
            "Time since the main loop last came round.",
            value=self.age_s,
        )
        yield GaugeMetricFamily(
            "mlops_worker_is_leader",
            "1 if this worker holds the lease and acts, 0 if it stands by.",
            value=float(self.is_leader),
        )
        yield SummaryMetricFamily(
            "mlops_worker_pass_seconds",
            "Passes of the reconciler, and the time that they took.",
            count_value=self.passes,
            sum_value=self.passing_s,
        )
        yield from self._of_threads()

    def _of_threads(self) -> Iterable[Metric]:
        age, took, failures = (
            GaugeMetricFamily(
                "mlops_worker_thread_age_seconds",
                "Time since a round of the thread last ended.",
                labels=("thread",),
            ),
            GaugeMetricFamily(
                "mlops_worker_thread_round_seconds",
                "How long its last round took.",
                labels=("thread",),
            ),
            CounterMetricFamily(
                "mlops_worker_thread_failures",
                "Rounds that failed and were tried again.",
                labels=("thread",),
            ),
        )
        now = time.monotonic()
        for name, life in sorted(self.threads.items()):
            age.add_metric((name,), now - life.ended_at)
            took.add_metric((name,), life.took_s)
            failures.add_metric((name,), life.failures)
        yield from (age, took, failures)


HEARTBEAT = Heartbeat()
"""This process's own."""
