"""Counts what was answered, per deployment and minute, and spools it as it grows.

A spool file holds the whole count of one gateway and minute, replaced every
second, so that reading it twice or late changes nothing.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from deployments.serving.gateway.files import replace
from deployments.serving.histogram import bucket

MINUTE_S = 60
CLIENT_ERROR, SERVER_ERROR = 400, 500


@dataclass(slots=True)
class Tally:
    """Counts of infer calls.

    Rejected ones (turned away by overload) are among the requests, but have no
    latency and are no error of the model.
    """

    request_count: int = 0
    error_count: int = 0
    client_error_count: int = 0
    rejected_count: int = 0
    sum_ms: float = 0.0
    max_ms: float = 0.0
    histogram: dict[int, int] = field(default_factory=dict)

    def add(self, status: int, ms: float, *, is_rejected: bool) -> None:
        self.request_count += 1
        if is_rejected:
            self.rejected_count += 1
            return
        if status >= SERVER_ERROR:
            self.error_count += 1
        elif status >= CLIENT_ERROR:
            self.client_error_count += 1
        self.sum_ms += ms
        self.max_ms = max(self.max_ms, ms)
        number = bucket(ms)
        self.histogram[number] = self.histogram.get(number, 0) + 1

    def as_json(self) -> dict[str, Any]:
        return {
            "request_count": self.request_count,
            "error_count": self.error_count,
            "client_error_count": self.client_error_count,
            "rejected_count": self.rejected_count,
            "sum_ms": self.sum_ms,
            "max_ms": self.max_ms,
            "histogram": {str(key): count for key, count in self.histogram.items()},
        }


class Counters:
    def __init__(self, folder: Path, gateway_id: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder, self._gateway_id = folder, gateway_id
        self._minutes: dict[int, dict[str, Tally]] = {}
        self._dirty: set[int] = set()
        self.totals: dict[str, Tally] = {}

    def add(
        self, deployment_id: str, status: int, ms: float, *, is_rejected: bool
    ) -> None:
        minute = int(time.time()) // MINUTE_S * MINUTE_S
        for tallies in (self._minutes.setdefault(minute, {}), self.totals):
            tally = tallies.get(deployment_id)
            if tally is None:
                tally = tallies[deployment_id] = Tally()
            tally.add(status, ms, is_rejected=is_rejected)
        self._dirty.add(minute)

    def flush(self) -> None:
        """Replace the files of minutes that grew, then forget the past ones.

        Raises OSError; what was not written is tried again.
        """
        now = int(time.time()) // MINUTE_S * MINUTE_S
        for minute, content in list(self._changed()):
            replace(self._folder / f"{self._gateway_id}-{minute}.json", content)
            self._dirty.discard(minute)
        for minute in [past for past in self._minutes if past < now]:
            if minute not in self._dirty:
                del self._minutes[minute]

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
