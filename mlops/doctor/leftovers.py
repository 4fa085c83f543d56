"""What kills leave in the core's own tables and in the store's own folders."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils import timezone

from mlops.core.models import DelayedDeletion, FilePin, IdempotencyRecord
from mlops.doctor.findings import Ailment, Mending, Symptom
from mlops.doctor.quarantine import QuarantineFolder

OVERDUE: Final = timedelta(days=1)
_DRAFTS: Final = ("*/.parts/*", "*/.doomed/*", "mlops.sqlite3.restoring*")


def requests() -> Iterator[Symptom]:
    """Yield requests with a key that have been at work for longer than a day."""
    before = timezone.now() - OVERDUE
    for record in IdempotencyRecord.objects.filter(
        status=None, running_until__lt=before
    ):
        yield Symptom(
            Ailment.HALF_MADE,
            f"core.idempotencyrecord {record.pk}",
            f"{record.method} {record.path} never ended.",
            mending=Mending(
                "forget that it began, so that its key is free", record.forget
            ),
        )


def deletions() -> Iterator[Symptom]:
    """Yield files that should have gone a day ago: nobody takes them away."""
    if FilePin.is_held():
        return
    before = timezone.now() - OVERDUE
    for one in DelayedDeletion.objects.filter(asked_at__lt=before):
        yield Symptom(
            Ailment.HALF_MADE,
            one.key,
            f"It was to be deleted at {one.asked_at:%Y-%m-%d %H:%M}, and is not.",
            "The worker (`manage.py reconcile`) does that; does it run?",
        )


def drafts(quarantine: QuarantineFolder) -> Iterator[Symptom]:
    """Yield drafts that writers have left for longer than a day."""
    data, latest = Path(settings.DATA_DIR), time.time() - OVERDUE.total_seconds()
    for pattern in _DRAFTS:
        for path in sorted(data.glob(pattern)):
            if _is_older(path, latest):
                where = str(path.relative_to(data))
                yield Symptom(
                    Ailment.HALF_MADE,
                    where,
                    "A writer has left it, and nothing has swept it.",
                    mending=quarantine.mending(where),
                )


def _is_older(path: Path, latest: float) -> bool:
    try:
        return path.lstat().st_mtime < latest
    except OSError:
        return False
