"""How long traces are kept: days since they came in, and how many at most."""

import logging
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from lifecycle.models import Trace
from lifecycle.store import trace_removal as store
from lifecycle.times import now_ms

logger = logging.getLogger(__name__)

_MS_IN_DAY: Final = 86_400_000
_BATCH: Final = 500


def expire_traces() -> int:
    """Remove traces that are too old or too many, the oldest first; return how many.

    Each batch is a transaction of its own, so that clients go on writing. What went is
    told in the log and in one entry of the audit trail.
    """
    old = _remove_all(_too_old()) if settings.TRACE_DAYS else 0
    over = Trace.objects.count() - settings.TRACE_MAX_COUNT
    many = _remove(_oldest(), over) if settings.TRACE_MAX_COUNT and over > 0 else 0
    if old or many:
        with transaction.atomic(), connection.cursor() as cursor:
            store.note_expired(cursor, old=old, many=many)
        logger.info("Traces expired: %s by age, %s by number", old, many)
    return old + many


def _oldest() -> QuerySet[Trace]:
    return Trace.objects.order_by("stored_ms", "pk")


def _too_old() -> QuerySet[Trace]:
    return _oldest().filter(stored_ms__lt=now_ms() - settings.TRACE_DAYS * _MS_IN_DAY)


def _remove_all(rows: QuerySet[Trace]) -> int:
    count = 0
    while removed := _remove(rows, _BATCH):
        count += removed
    return count


def _remove(rows: QuerySet[Trace], most: int) -> int:
    """Remove the first rows, so many at most; return how many there were."""
    count = 0
    while count < most:
        wanted = min(_BATCH, most - count)
        found = list(rows.values_list("pk", flat=True)[:wanted])
        if not found:
            break
        with transaction.atomic(), connection.cursor() as cursor:
            store.remove(cursor, found)
        count += len(found)
    return count
