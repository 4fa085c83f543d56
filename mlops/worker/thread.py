"""A thread of the worker that makes rounds beside its loop."""

import logging
import threading
from types import TracebackType
from typing import ClassVar, Self

from django.db import close_old_connections, connection

logger = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""How long the worker waits for a round under way when it ends."""


class WorkerThread:
    """Makes rounds until `stopping` is set; one that breaks off is made again."""

    pause_s: ClassVar[float]
    trouble: ClassVar[str]

    def __init__(self, stopping: threading.Event) -> None:
        self.stopping = stopping
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stopping.set()
        self._thread.join(PATIENCE_S)

    def round(self) -> None:
        """Do what there is to do now."""
        raise NotImplementedError

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
            self.stopping.wait(self.pause_s)
        connection.close()
