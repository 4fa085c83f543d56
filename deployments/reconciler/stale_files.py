"""Deletes files that nothing needs any more: logs, converted models, half files."""

import contextlib
import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from deployments.models import Deployment
from deployments.serving.processes import discard
from deployments.serving.supervisor import conversions
from deployments.states import FINAL
from mlops.core.byte_store import byte_store
from mlops.core.ids import as_uuid

logger = logging.getLogger(__name__)

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0
CHUNK = 500
HALF_FILES = (
    ("run", ".*", HOUR_S),
    ("run/*", ".*", HOUR_S),
    ("traffic", ".*", HOUR_S),
    ("samples/*", ".*", HOUR_S),
    ("conversions", "*.part", HOUR_S),
    ("run/gateways", "*.json", MINUTE_S),  # of gateways that were killed
    ("uploads", "*.upload.bin", DAY_S),
)
"""Folder, names, and the age in seconds from which on nobody writes to them."""


def sweep(now: float | None = None) -> int:
    """Delete what is over; return how many files went.

    The log of a deployment goes some days after its end (`LOG_DAYS`), a converted
    model when no deployment that has not ended stands on it.
    """
    now = time.time() if now is None else now
    folder = Path(settings.DATA_DIR)
    doomed = [*_logs(folder, now), *_halves(folder, now)]
    discard(*doomed)
    unused = _conversions(now)
    for key in unused:
        with contextlib.suppress(OSError):
            byte_store().delete(key)
    if gone := len(doomed) + len(unused):
        logger.info("Deleted %d files that nothing needs any more", gone)
    return gone


def _logs(folder: Path, now: float) -> Iterator[Path]:
    by_id: dict[uuid.UUID, list[Path]] = {}
    for path in (folder / "run" / "logs").glob("*.log*"):
        if (pk := as_uuid(path.name.partition(".")[0])) is not None:
            by_id.setdefault(pk, []).append(path)
    age = timedelta(days=settings.LOG_DAYS)
    kept = _kept(by_id, timezone.now() - age)
    for pk, paths in by_id.items():
        if pk not in kept:
            yield from (path for path in paths if _is_older(path, age, now))


def _kept(ids: Iterable[uuid.UUID], ended_after: datetime) -> set[uuid.UUID]:
    """Return the deployments that have not ended, or only lately."""
    candidates, kept = sorted(ids), set[uuid.UUID]()
    for start in range(0, len(candidates), CHUNK):
        rows = Deployment.objects.filter(pk__in=candidates[start : start + CHUNK])
        over = rows.filter(status__in=FINAL, terminated_at__lt=ended_after)
        kept |= set(rows.values_list("pk", flat=True))
        kept -= set(over.values_list("pk", flat=True))
    return kept


def _conversions(now: float) -> list[str]:
    found = [
        (source, blob.key)
        for source, blob in conversions.kept_in(byte_store())
        if blob.modified_s < now - HOUR_S
    ]
    sources = sorted({source for source, _ in found})
    wanted = set[str]()
    for start in range(0, len(sources), CHUNK):
        rows = Deployment.objects.open()
        rows = rows.filter(artifact_sha256__in=sources[start : start + CHUNK])
        wanted.update(rows.values_list("artifact_sha256", flat=True))
    return [key for source, key in found if source not in wanted]


def _halves(folder: Path, now: float) -> Iterator[Path]:
    for where, names, age_s in HALF_FILES:
        for path in folder.glob(f"{where}/{names}"):
            if _is_older(path, timedelta(seconds=age_s), now) and path.is_file():
                yield path


def _is_older(path: Path, age: timedelta, now: float) -> bool:
    try:
        return path.stat().st_mtime < now - age.total_seconds()
    except FileNotFoundError:
        return False
