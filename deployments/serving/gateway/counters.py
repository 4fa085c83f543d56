"""Counts what was answered, per deployment and minute, and spools it as it grows.

A spool file holds the whole count of one gateway and minute, replaced every
second, so that reading it twice or late changes nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from deployments.serving.gateway.client import UpstreamAnswer
from deployments.serving.gateway.files import replace

MINUTE_S = 60
CLIENT_ERROR, SERVER_ERROR = 400, 500


class CallOutcome(StrEnum):
    """Outcome of an infer call; but for `GOOD`, the name of its counter.

    What is refused anew, which the version before would have taken, is among the
    refused.

    Overload and unavailability (no instance was ready) never reached the model:
    they have no latency and are no errors of it.
    """

    GOOD = "good_count"
    NOT_FINITE = "non_finite_count"
    REFUSED = "client_error_count"
    REFUSED_ANEW = "refused_anew_count"
    FAILED = "error_count"
    OVERLOAD = "rejected_count"
    UNAVAILABLE = "unavailable_count"

    @classmethod
    def of(cls, answer: UpstreamAnswer) -> "CallOutcome":
        """Return what a model server's own answer amounts to."""
        if answer.status < CLIENT_ERROR:
            return cls.GOOD if answer.is_finite else cls.NOT_FINITE
        if answer.status >= SERVER_ERROR:
            return cls.FAILED
        return cls.REFUSED_ANEW if answer.was_taken else cls.REFUSED


GOOD = CallOutcome.GOOD  # looking a member up takes longer than all else here
UNTIMED = frozenset({CallOutcome.OVERLOAD, CallOutcome.UNAVAILABLE})


@dataclass(slots=True)
class Tally:
    """Counts of infer calls by their outcome; each is among the requests.

    `correction`, added to the histogram, makes it that of the models' own times.
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
    histogram: dict[int, int] = field(default_factory=dict)
    correction: dict[int, int] = field(default_factory=dict)

    def add(self, outcome: CallOutcome, ms: float, number: int, own: int) -> None:
        """Count a call; `number` is the bucket of its latency, `own` of the model's."""
        self.request_count += 1
        if outcome is not GOOD:
            setattr(self, outcome, getattr(self, outcome) + 1)
            if outcome in UNTIMED:
                return
            if outcome is CallOutcome.REFUSED_ANEW:
                self.client_error_count += 1
        self.sum_ms += ms
        self.max_ms = max(self.max_ms, ms)
        self.histogram[number] = self.histogram.get(number, 0) + 1
        if own != number:
            self.correction[number] = self.correction.get(number, 0) - 1
            self.correction[own] = self.correction.get(own, 0) + 1

    def as_json(self) -> dict[str, Any]:
        return {
            "request_count": self.request_count,
            "error_count": self.error_count,
            "client_error_count": self.client_error_count,
            "rejected_count": self.rejected_count,
            "unavailable_count": self.unavailable_count,
            "non_finite_count": self.non_finite_count,
            "refused_anew_count": self.refused_anew_count,
            "sum_ms": self.sum_ms,
            "max_ms": self.max_ms,
            "histogram": {str(key): count for key, count in self.histogram.items()},
            "correction": {str(key): count for key, count in self.correction.items()},
        }


class Counters:
    def __init__(self, folder: Path, gateway_id: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._gateway_id = folder, gateway_id
        self._minutes: dict[int, dict[str, Tally]] = {}
        self._dirty: set[int] = set()
        self._minute = 0
        self._tallies: dict[str, Tally] = {}

    def add(
        self, deployment_id: str, outcome: CallOutcome, ms: float, number: int, own: int
    ) -> None:
        """Count a call, as `Tally.add`."""
        if not 0 <= time.time() - self._minute < MINUTE_S:
            self._minute = int(time.time()) // MINUTE_S * MINUTE_S
            self._tallies = self._minutes.setdefault(self._minute, {})
        tally = self._tallies.get(deployment_id)
        if tally is None:
            tally = self._tallies[deployment_id] = Tally()
        tally.add(outcome, ms, number, own)
        self._dirty.add(self._minute)

    def flush(self) -> bool:
        """Replace the files of minutes that grew, then forget the past ones.

        Returns whether any grew. Raises OSError; what was not written is tried again.
        """
        has_grown = bool(self._dirty)
        now = int(time.time()) // MINUTE_S * MINUTE_S
        for minute, content in list(self._changed()):
            replace(self._folder / f"{self._gateway_id}-{minute}.json", content)
            self._dirty.discard(minute)
        for minute in [past for past in self._minutes if past < now]:
            if minute not in self._dirty:
                del self._minutes[minute]
                self._minute = 0 if minute == self._minute else self._minute
        return has_grown

    def _changed(self) -> Iterator[tuple[int, bytes]]:
        for minute in sorted(self._dirty):
            yield (
                minute,
                orjson.dumps(
                    {
                        "gateway": self._gateway_id,
                        "starts_at": minute,
                        "seconds": MINUTE_S,
                        "deployments": {
                            deployment_id: tally.as_json()
                            for deployment_id, tally in self._minutes[minute].items()
                        },
                    }
                ),
            )
