"""Reads uploaded datasets in a thread of the worker.

A large file takes minutes, which a deployment must not wait for.
"""

import logging

from datasets.ingestion import ingest_once
from datasets.models import IngestJob
from mlops.worker.thread import WorkerThread

logger = logging.getLogger(__name__)


class _Stopping(Exception):
    """The worker ends; another one takes the job over when its lease is over."""


class IngestionThread(WorkerThread):
    """Reads pending uploads."""

    pause_s = 10.0
    failure_message = "An upload was not read"

    def round(self) -> None:
        try:
            ingest_once(watch=self._end_if_stopping)
        except _Stopping:
            logger.info("An upload is left to the next worker")

    def _end_if_stopping(self, job: IngestJob) -> None:
        if self.stopping.is_set():
            raise _Stopping
