"""Traces removed: on request, with their experiment, and when their time is over."""

from collections.abc import Sequence
from typing import Final

from django.db.backends.utils import CursorWrapper

from lifecycle.store.traces import marks
from mlops.core import audit

_KIND: Final = "lifecycle.trace"
_BATCH: Final = 500

_OLDEST = """
    SELECT id FROM lifecycle_trace
    WHERE experiment_id = %s AND requested_ms <= %s ORDER BY requested_ms, id
"""
_NAMED = "SELECT id FROM lifecycle_trace WHERE experiment_id = %s AND id IN ({})"
_ALL_OF = "SELECT id FROM lifecycle_trace WHERE experiment_id = %s"
_DELETE: Final = tuple(
    f"DELETE FROM {table} WHERE {column} IN ({{}})"  # noqa: S608 - constants
    for table, column in (
        ("lifecycle_assessment", "trace_id"),
        ("lifecycle_tracelink", "trace_id"),
        ("lifecycle_tracespans", "trace_id"),
        ("lifecycle_trace", "id"),
    )
)


def delete(
    cursor: CursorWrapper, experiment: int, pks: Sequence[str], *, by: int | None
) -> int:
    """Delete those traces of an experiment; return how many there were."""
    cursor.execute(_NAMED.format(marks(pks)), (experiment, *pks))
    return _delete(cursor, experiment, _fetched(cursor), by=by)


def delete_oldest(
    cursor: CursorWrapper,
    experiment: int,
    until_ms: int,
    most: int | None,
    *,
    by: int | None,
) -> int:
    """Delete traces requested until then, the oldest first; return how many."""
    limit = "" if most is None else f" LIMIT {most:d}"
    cursor.execute(_OLDEST + limit, (experiment, until_ms))
    return _delete(cursor, experiment, _fetched(cursor), by=by)


def erase_of(cursor: CursorWrapper, experiment: int) -> None:
    """Remove all traces of an experiment that is about to be removed."""
    cursor.execute(_ALL_OF, (experiment,))
    remove(cursor, _fetched(cursor))


def note_expired(cursor: CursorWrapper, *, old: int, many: int) -> None:
    """Say in the trail how many traces were let go by age, and how many by number."""
    changes = {"too_old": old, "too_many": many}
    audit.note(cursor, "expire", (_KIND, "", "traces"), by=None, changes=changes)


def remove(cursor: CursorWrapper, pks: Sequence[str]) -> None:
    """Remove traces with all that hangs on them; the caller says so in the trail."""
    for start in range(0, len(pks), _BATCH):
        batch = pks[start : start + _BATCH]
        for statement in _DELETE:
            cursor.execute(statement.format(marks(batch)), batch)


def _delete(
    cursor: CursorWrapper, experiment: int, pks: Sequence[str], *, by: int | None
) -> int:
    if pks:
        remove(cursor, pks)
        changes = {"experiment": audit.reference(experiment, str(experiment))}
        target = (_KIND, "", f"{len(pks)} traces")
        audit.note(cursor, "delete", target, by=by, changes=changes)
    return len(pks)


def _fetched(cursor: CursorWrapper) -> list[str]:
    return [pk for (pk,) in cursor.fetchall()]
