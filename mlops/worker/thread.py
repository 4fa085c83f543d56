"""A thread of the worker that makes rounds beside its loop."""

import logging
import threading
from types import TracebackType
from typing import ClassVar, Self
from weakref import WeakSet

from django.db import close_old_connections, connection

logger = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""How long the worker waits for a round under way when it ends."""


class WorkerThread:
    """Makes rounds until `stopping` is set; one that breaks off is made again.

    A round comes `pause_s` after the one before, or at a call, but `least_pause_s`
    after it at the soonest.
    """

    pause_s: ClassVar[float]
    least_pause_s: ClassVar[float] = 1.0
    trouble: ClassVar[str]

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self._called = threading.Event()
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
        self._called.set()
        self._thread.join(PATIENCE_S)

    def round(self) -> None:
        """Do what there is to do now."""
        raise NotImplementedError

    def call(self) -> None:
        """Let the next round come soon."""
        self._called.set()

    def _run(self) -> None:
        """Keep one connection over the rounds: to make one costs more than most do."""
        while not self.stopping.is_set():
            try:
                close_old_connections()
                self.round()
            except Exception:
                # A thread that ends is missed by nobody until its work is.
                logger.exception("%s; trying again", self.trouble)
                connection.close()
            self._rest()
        connection.close()

    def _rest(self) -> None:
        least_s = min(self.least_pause_s, self.pause_s)
        if not self.stopping.wait(least_s):
            self._called.wait(self.pause_s - least_s)
        self._called.clear()


_running: WeakSet[WorkerThread] = WeakSet()


def call_all() -> None:
    """Let all threads of this process look soon whether there is something to do."""
    for thread in list(_running):
        thread.call()
