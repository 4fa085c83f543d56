"""A worker thread: does its work in rounds, beside the main loop."""

import logging
import threading
import time
from types import TracebackType
from typing import ClassVar, Self
from weakref import WeakSet

from django.db import close_old_connections, connection

from mlops.worker.heartbeat import HEARTBEAT

logger = logging.getLogger(__name__)

JOIN_TIMEOUT_S = 10.0
"""How long the worker waits for a running round when it shuts down."""


class WorkerThread:
    """Runs rounds until `stopping` is set; one that fails is retried.

    A round starts `pause_s` after the one before, or when woken, but `least_pause_s`
    after it at the earliest.
    """

    pause_s: ClassVar[float]
    least_pause_s: ClassVar[float] = 1.0
    failure_message: ClassVar[str]

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self._woken = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        _running.add(self)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _running.discard(self)
        self.stopping.set()
        self._woken.set()
        self._thread.join(JOIN_TIMEOUT_S)

    def round(self) -> None:
        """Do the work that is due now."""
        raise NotImplementedError

    def wake(self) -> None:
        """Start the next round soon."""
        self._woken.set()

    def _run(self) -> None:
        """Keep one connection over the rounds: opening it costs more than most."""
        while not self.stopping.is_set():
            began, failed = time.monotonic(), False
            try:
                close_old_connections()
                self.round()
            except Exception:
                failed = True
                # Nobody notices that a thread has ended until its work is missing.
                logger.exception("%s; trying again", self.failure_message)
                connection.close()
            took_s = time.monotonic() - began
            HEARTBEAT.round_of(type(self).__name__, took_s, failed=failed)
            self._rest()
        connection.close()

    def _rest(self) -> None:
        least_s = min(self.least_pause_s, self.pause_s)
        if not self.stopping.wait(least_s):
            self._woken.wait(self.pause_s - least_s)
        self._woken.clear()


_running: WeakSet[WorkerThread] = WeakSet()


def wake_all() -> None:
    """Wake all worker threads of this process."""
    for thread in list(_running):
        thread.wake()
