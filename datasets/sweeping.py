"""Deletes files that no row stands for: what a kill between two steps leaves."""

import logging
import time
import uuid
from pathlib import Path

from datasets import storage
from datasets.ids import as_uuid
from datasets.models import DatasetVersion, IngestJob, SourceFile, UploadSession

logger = logging.getLogger(__name__)


class Sweep:
    """Remembers when it last ran: the loop calls it far more often than needed."""

    def __init__(self) -> None:
        self._last: float | None = None

    def now_and_then(self, *, every_s: float) -> int:
        now = time.monotonic()
        if self._last is not None and now - self._last < every_s:
            return 0
        self._last = now
        return run()


sweep = Sweep()


def run() -> int:
    """Delete leftovers older than an hour, and expired uploads; return how many."""
    for upload in UploadSession.objects.expired():
        upload.discard()
    doomed = [*_incoming(), *_partial(), *_work(), *_content()]
    for path in doomed:
        logger.info("Deleting the leftover %s", path.name)
        storage.remove(path)
    return len(doomed)


def _incoming() -> list[Path]:
    return [
        path
        for path in storage.leftovers("incoming")
        if not SourceFile.objects.filter(pk__in=_id(path)).exists()
    ]


def _partial() -> list[Path]:
    return [
        path
        for path in storage.leftovers("partial")
        if not UploadSession.objects.filter(pk__in=_id(path)).exists()
    ]


def _work() -> list[Path]:
    running = {
        f"{job.version_id.hex}.{job.attempt}" for job in IngestJob.objects.open()
    }
    return [path for path in storage.leftovers("work") if path.name not in running]


def _content() -> list[Path]:
    # A job may have put its content and not yet written the row that names it.
    if IngestJob.objects.open().exists():
        return []
    return [
        path
        for path in storage.leftovers("content", "*/*")
        if not DatasetVersion.objects.holding_bytes().filter(digest=path.name).exists()
    ]


def _id(path: Path) -> list[uuid.UUID]:
    """Return the id that a file is named by; none for a `.part`."""
    found = as_uuid(path.name)
    return [found] if found else []
