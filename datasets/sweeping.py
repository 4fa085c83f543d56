"""Deletes files that no row stands for: what a kill between two steps leaves."""

import logging
import time
import uuid
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from datasets import storage
from datasets.models import DatasetVersion, IngestJob, SourceFile, UploadSession
from datasets.models.version import drop_answers, drop_content
from mlops.core.byte_store import byte_store
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
    paths, keys, contents = [*_partial(), *_work()], _incoming(), _content()
    for path in paths:
        logger.info("Deleting the leftover %s", path.name)
        storage.remove(path)
    for key in keys:
        logger.info("Deleting the leftover %s", key)
        byte_store().delete(key)
    for digest in contents:
        logger.info("Deleting the leftover %s", digest)
        drop_content(digest)
    drop_answers(timezone.now() - timedelta(seconds=storage.LEFTOVER_AGE_S))
    left = byte_store().sweep(storage.LEFTOVER_AGE_S)
    return len(paths) + len(keys) + len(contents) + left


def _incoming() -> list[str]:
    return [
        key
        for key in storage.old_blobs(storage.INCOMING)
        if not SourceFile.objects.filter(pk__in=_id(key.rpartition("/")[2])).exists()
    ]


def _partial() -> list[Path]:
    return [
        path
        for path in storage.stale_paths("partial")
        if not UploadSession.objects.filter(pk__in=_id(path.name)).exists()
    ]


def _work() -> list[Path]:
    running = {
        f"{job.version_id.hex}.{job.attempt}" for job in IngestJob.objects.open()
    }
    return [path for path in storage.stale_paths("work") if path.name not in running]


def _content() -> list[str]:
    """Return the digests of contents that no version holds, each once."""
    old = storage.old_blobs(storage.CONTENT)
    digests = dict.fromkeys(key.split("/")[-2] for key in old)
    holding = DatasetVersion.objects.holding_bytes()
    return [one for one in digests if not holding.filter(digest=one).exists()]


def _id(name: str) -> list[uuid.UUID]:
    """Return the id that a file is named by; none for a `.part`."""
    found = as_uuid(name)
    return [found] if found else []
