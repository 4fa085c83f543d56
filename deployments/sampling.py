"""Keeps the live samples beside the reconciler, in a thread of the same worker."""

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import DatabaseError, InterfaceError, connection

from deployments.reconciler.sampling import Intake, prune

logger = logging.getLogger(__name__)

PAUSE_S = 5.0
PRUNE_EVERY = 60  # rounds
PATIENCE_S = 10.0


class Sampling:
    """Takes in what gateways sampled until `stopping` is set."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._intake = Intake()
        self._rounds = 0
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
        self._stopping.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._round()
            except (DatabaseError, InterfaceError, OSError):
                logger.exception("Samples were not taken in; trying again")
            finally:
                connection.close()
            self._stopping.wait(PAUSE_S)

    def _round(self) -> None:
        self._intake.take_in()
        if self._rounds % PRUNE_EVERY == 0:
            prune()
        self._rounds += 1
