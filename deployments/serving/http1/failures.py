"""The log lines of requests that failed: their ids, and at most so many a second."""

import logging
import time

MOST_A_SECOND = 50

REQUEST_ID = b"x-request-id"


class FailureLog:
    """Writes a line for each, or how many there were more than it writes."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._second, self._written, self._left_out = 0, 0, 0

    def note(self, request_id: bytes, status: int, what: str) -> None:
        second = int(time.monotonic())
        if second != self._second:
            if self._left_out:
                self._logger.warning("%d more requests failed", self._left_out)
            self._second, self._written, self._left_out = second, 0, 0
        if self._written >= MOST_A_SECOND:
            self._left_out += 1
            return
        self._written += 1
        name = request_id.decode("latin-1") or "-"
        self._logger.warning("request %s: %d: %s", name, status, what)
