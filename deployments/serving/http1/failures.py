"""The log lines of requests that failed: their ids, and at most so many a second."""

import logging
import time
from typing import NamedTuple

from mlops.tracing import TraceSpan

MOST_A_SECOND = 50

REQUEST_ID, TRACEPARENT = b"x-request-id", b"traceparent"


class CallIds(NamedTuple):
    """The headers by which a call is found again; empty where they were not sent."""

    request_id: bytes = b""
    traceparent: bytes = b""

    @property
    def span(self) -> TraceSpan | None:
        """A new span of this process in the call's trace."""
        return TraceSpan.below(self.traceparent.decode("latin-1"))


class FailureLog:
    """Writes a line for each, or how many there were more than it writes."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._second, self._written, self._left_out = 0, 0, 0

    def note(
        self, request_id: bytes, status: int, what: str, span: TraceSpan | None = None
    ) -> None:
        second = int(time.monotonic())
        if second != self._second:
            if self._left_out:
                self._logger.warning("%d more requests failed", self._left_out)
            self._second, self._written, self._left_out = second, 0, 0
        if self._written >= MOST_A_SECOND:
            self._left_out += 1
            return
        self._written += 1
        fields = log_fields(request_id, span)
        self._logger.warning(
            "request %s: %d: %s",
            fields["request_id"] or "-",
            status,
            what,
            extra={**fields, "status": status},
        )


def log_fields(request_id: bytes, span: TraceSpan | None = None) -> dict[str, str]:
    """Return what log lines say of a request: its id, and its place in a trace."""
    own = {"request_id": request_id.decode("latin-1")}
    return own | span.fields if span else own
