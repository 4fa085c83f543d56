"""Reads uploaded datasets beside the reconciler, in a thread of the same worker.

A large file takes minutes, which a deployment must not wait for.
"""

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import DatabaseError, InterfaceError, connection

from datasets.ingestion import ingest_once
from datasets.models import IngestJob

logger = logging.getLogger(__name__)

PAUSE_S = 0.5
PATIENCE_S = 10.0


class _Stopping(Exception):
    """The worker ends; another one takes the job over when its lease is over."""


class Ingestion:
    """Looks for uploads until `stopping` is set."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
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
                ingest_once(watch=self._end_if_stopping)
            except _Stopping:
                logger.info("An upload is left to the next worker")
            except (DatabaseError, InterfaceError, OSError):
                logger.exception("An upload was not read; trying again")
            finally:
                connection.close()
            self._stopping.wait(PAUSE_S)

    def _end_if_stopping(self, job: IngestJob) -> None:
        if self._stopping.is_set():
            raise _Stopping
