"""Deletes files that no row stands for: what a kill between two steps leaves."""

import logging
import time
import uuid
from datetime import timedelta
from pathlib import Path

from django.db.models import Exists, OuterRef
from django.utils import timezone

from datasets import storage
from datasets.models import (
    DatasetVersion,
    IngestJob,
    SourceFile,
    StoredAnalysis,
    UploadSession,
)
from datasets.models.version import drop_content
from mlops.core.ids import as_uuid

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
    doomed = [*_incoming(), *_partial(), *_work()]
    for path in doomed:
        logger.info("Deleting the leftover %s", path.name)
        storage.remove(path)
    contents = _content()
    for path in contents:
        logger.info("Deleting the leftover %s", path.name)
        drop_content(path.name)
    _drop_answers()
    return len(doomed) + len(contents)


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
    return [
        path
        for path in storage.leftovers("content", "*/*")
        if not DatasetVersion.objects.holding_bytes().filter(digest=path.name).exists()
    ]


def _drop_answers() -> None:
    """Delete what was computed from contents that are gone; young answers stay."""
    past = timezone.now() - timedelta(seconds=storage.LEFTOVER_AGE_S)
    held = DatasetVersion.objects.holding_bytes().filter(digest=OuterRef("digest"))
    old = StoredAnalysis.objects.filter(computed_at__lt=past)
    old.exclude(Exists(held)).delete()


def _id(path: Path) -> list[uuid.UUID]:
    """Return the id that a file is named by; none for a `.part`."""
    found = as_uuid(path.name)
    return [found] if found else []
