"""Totals for `/metrics`: counters of all workers since the gateway's start.

They lie in memory that the workers share, so that any of them answers the same, and
a worker that ends takes nothing away. The labels of a deployment are those that it
had at its first call.
"""

import logging
import os
from collections.abc import Callable, Iterator

import orjson

from deployments.serving.gateway.counters import GOOD, UNTIMED, CallOutcome, Tally
from deployments.serving.gateway.shared import Seats, SharedTable, key_of
from deployments.serving.histogram import LAST

logger = logging.getLogger(__name__)

ROWS, TEXT_BYTES = 2048, 2048
COUNTS = (
    "request_count",
    *("error_count", "client_error_count", "rejected_count"),
    *("unavailable_count", "non_finite_count"),
)
SUM_US = len(COUNTS)
HISTOGRAM = SUM_US + 1
CELLS = HISTOGRAM + LAST + 1
_CELL_OF = {each: COUNTS.index(each) for each in CallOutcome if each in COUNTS}
_CELL_OF[CallOutcome.REFUSED_ANEW] = _CELL_OF[CallOutcome.REFUSED]
Labels = dict[str, str]


def new_file() -> int:
    """Return memory without a name, for a supervisor to hand to its workers."""
    return os.memfd_create("totals", os.MFD_CLOEXEC)


class Totals:
    def __init__(
        self, file: int, seats: Seats, labels: Callable[[str], Labels]
    ) -> None:
        self._table = SharedTable(
            file, seats, rows=ROWS, cells=CELLS, text_bytes=TEXT_BYTES
        )
        self._labels = labels
        self._first: dict[str, int] = {}

    def add(
        self, deployment_id: str, outcome: CallOutcome, ms: float, number: int
    ) -> None:
        """Count a call; `number` is the bucket of its latency."""
        first = self._first.get(deployment_id)
        if first is None and (first := self._make(deployment_id)) is None:
            return
        numbers = self._table.numbers
        numbers[first] += 1
        if outcome is not GOOD:
            numbers[first + _CELL_OF[outcome]] += 1
            if outcome in UNTIMED:
                return
        numbers[first + SUM_US] += int(ms * 1000)
        numbers[first + HISTOGRAM + number] += 1

    def rows(self) -> Iterator[tuple[Labels, Tally]]:
        """Yield the labels and counts of each deployment, over all workers."""
        for row, text in self._table.texts():
            columns = self._table.columns(row)
            sums = [sum(cells) for cells in zip(*columns, strict=True)]
            counts = dict(zip(COUNTS, sums[:SUM_US], strict=True))
            histogram = {n: count for n, count in enumerate(sums[HISTOGRAM:]) if count}
            yield (
                orjson.loads(text),
                Tally(**counts, sum_ms=sums[SUM_US] / 1000, histogram=histogram),
            )

    def _make(self, deployment_id: str) -> int | None:
        text = orjson.dumps(self._labels(deployment_id))
        row = self._table.row(key_of(deployment_id), text=text)
        if row is None:
            logger.warning("/metrics has no room for %s", deployment_id)
            return None
        first = self._first[deployment_id] = self._table.own(row)
        return first
