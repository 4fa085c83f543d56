"""Runs: start, finish, describe, soft-delete, restore, purge."""

from dataclasses import dataclass
from typing import Final, Protocol

from django.db.backends.utils import CursorWrapper

from lifecycle.errors import IllegalRunMove, RunClosed
from lifecycle.states import RUN_MOVES, RunStatus
from lifecycle.store import logged_models, sql
from lifecycle.store.experiments import OpenExperiment
from lifecycle.store.recording import Recording
from lifecycle.times import now_ms
from mlops.core import audit
from mlops.core.errors import AlreadyExists, Invalid, NotFound

OPEN: Final = frozenset(status for status, moves in RUN_MOVES.items() if moves)
"""A run in one of these takes metrics, parameters and files by the rules of REST."""

_KIND: Final = "lifecycle.run"
_INSERT = """
    INSERT INTO lifecycle_run (uid, experiment_id, name, created_by_id, user_label,
        status, notes, started_ms, ended_ms, deleted_ms)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (uid) DO NOTHING RETURNING id
"""
_HELD = """
    SELECT r.id, r.uid, r.name, r.status, r.started_ms
    FROM lifecycle_run r JOIN lifecycle_experiment e ON e.id = r.experiment_id
    WHERE r.id = %s AND r.deleted_ms IS NULL AND e.deleted_at IS NULL
"""
_NAMED = "SELECT uid, name FROM lifecycle_run WHERE id = %s"
_SET_STATUS = "UPDATE lifecycle_run SET status = %s WHERE id = %s"
_SET_ENDED = "UPDATE lifecycle_run SET ended_ms = %s WHERE id = %s"
_SET_NAME = "UPDATE lifecycle_run SET name = %s WHERE id = %s"
_SET_NOTES = "UPDATE lifecycle_run SET notes = %s WHERE id = %s"
_SOFT_DELETE = """
    UPDATE lifecycle_run SET deleted_ms = %s WHERE id = %s AND deleted_ms IS NULL
"""
_RESTORE = """
    UPDATE lifecycle_run SET deleted_ms = NULL WHERE id = %s AND deleted_ms IS NOT NULL
"""


class RemovableRun(Protocol):
    """A stored row that is removed with all that hangs on it."""

    @property
    def pk(self) -> int: ...

    def delete(self) -> object: ...


@dataclass(frozen=True, slots=True)
class NewRun:
    """Columns of a new run; times in milliseconds since 1970 in UTC."""

    uid: str
    experiment_id: int
    started_ms: int
    name: str = ""
    created_by: int | None = None
    user_label: str = ""
    notes: str | None = None
    status: str = RunStatus.RUNNING
    ended_ms: int | None = None
    deleted_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LockedRun:
    """A living run that is locked until the transaction ends."""

    pk: int
    uid: str
    name: str
    status: str
    started_ms: int

    @property
    def target(self) -> audit.Target:
        """The run's reference in the audit trail."""
        return _KIND, str(self.pk), self.name or self.uid


def start(cursor: CursorWrapper, run: NewRun, home: OpenExperiment) -> int:
    """Begin a run in an experiment that takes it; return its primary key.

    `home` is what `experiments.open_for_runs` returned in this transaction. Raises
    AlreadyExists if the id is taken.
    """
    pk = _insert(cursor, run)
    if pk is None:
        raise AlreadyExists(f"There is a run {run.uid!r} already.", field="run_id")
    audit.note_first(
        cursor,
        "start",
        (_KIND, str(pk), run.name or run.uid),
        by=run.created_by,
        changes={"experiment": audit.reference(home.pk, home.name)},
    )
    return pk


def record(history: Recording, run: NewRun) -> int | None:
    """Store a run as it was; None if its id is taken, and then nothing is stored."""
    pk = _insert(history.cursor, run)
    if pk is not None:
        history.count("runs")
    return pk


def record_end(
    history: Recording, pk: int, status: RunStatus, ended_ms: int | None
) -> None:
    """Store how a run went on that was imported while it was open."""
    history.cursor.execute(_SET_STATUS, (str(status), pk))
    history.cursor.execute(_SET_ENDED, (ended_ms, pk))
    history.count("runs that went on")


def lock(cursor: CursorWrapper, pk: int) -> LockedRun:
    """Lock the run until the transaction ends. Raises NotFound if it was deleted."""
    cursor.execute(_HELD + sql.for_update("r"), (pk,))
    row = cursor.fetchone()
    if row is None:
        raise NotFound("The run was deleted.", field="run_id")
    return LockedRun(*row)


def lock_open(cursor: CursorWrapper, pk: int) -> None:
    """Lock the run until the transaction ends. Raises RunClosed once it ended."""
    refuse_closed(lock(cursor, pk).status)


def refuse_closed(status: str) -> None:
    """Raise RunClosed for the status of a run that takes nothing any more."""
    if status not in OPEN:
        raise RunClosed(f"The run is {status}; nothing is added to it any more.")


def finish(
    cursor: CursorWrapper,
    pk: int,
    status: RunStatus,
    *,
    ended_ms: int | None,
    by: int | None,
) -> None:
    """End the run (or begin a scheduled one); the status it has is no move.

    Raises IllegalRunMove, or Invalid if it would end before it started.
    """
    run = lock(cursor, pk)
    if status == run.status and ended_ms is None:
        return
    if status not in RUN_MOVES[RunStatus(run.status)]:
        raise IllegalRunMove(
            f"A run that is {run.status} cannot become {status}.", field="status"
        )
    if status not in OPEN and ended_ms is None:
        ended_ms = now_ms()
    if ended_ms is not None and ended_ms < run.started_ms:
        raise Invalid("A run cannot end before it starts.", field="completed_at")
    cursor.execute(_SET_ENDED, (ended_ms, pk))
    _move(cursor, run, status, by=by)


def report(
    cursor: CursorWrapper,
    pk: int,
    *,
    status: RunStatus | None = None,
    ended_ms: int | None = None,
    by: int | None,
) -> None:
    """Set status and end as the client reports them; may resume a run that ended.

    This is the MLflow protocol's rule, where only a deleted run takes nothing; what
    is None stays as it is.
    """
    run = lock(cursor, pk)
    if ended_ms is not None:
        cursor.execute(_SET_ENDED, (ended_ms, pk))
    if status is not None and status != run.status:
        _move(cursor, run, status, by=by)


def rename(cursor: CursorWrapper, pk: int, name: str, *, by: int | None) -> None:
    """Give the run another name; the one it has is no change."""
    run = lock(cursor, pk)
    if name != run.name:
        cursor.execute(_SET_NAME, (name, pk))
        changes = {"name": [run.name, name]}
        audit.note(cursor, "rename", run.target, by=by, changes=changes)


def describe(
    cursor: CursorWrapper, pk: int, notes: str | None, *, by: int | None
) -> None:
    """Replace the notes; they may be written after the end too."""
    run = lock(cursor, pk)
    cursor.execute(_SET_NOTES, (notes, pk))
    audit.note(cursor, "describe", run.target, by=by, changes={"notes": notes})


def soft_delete(cursor: CursorWrapper, pk: int, *, by: int | None) -> int | None:
    """Hide the run until it is brought back or purged; twice is once.

    Return when, or None if it was hidden already.
    """
    at = now_ms()
    cursor.execute(_SOFT_DELETE, (at, pk))
    if not cursor.rowcount:
        return None
    audit.note(cursor, "delete", _named(cursor, pk), by=by)
    return at


def restore(cursor: CursorWrapper, pk: int, *, by: int | None) -> None:
    """Undo `soft_delete`; a living run stays as it is."""
    cursor.execute(_RESTORE, (pk,))
    if cursor.rowcount:
        audit.note(cursor, "restore", _named(cursor, pk), by=by)


def erase(
    cursor: CursorWrapper, run: RemovableRun, *, files: int, by: int | None
) -> None:
    """Remove the run for good, with all that it logged; its files are gone before."""
    audit.note(cursor, "purge", _named(cursor, run.pk), by=by, changes={"files": files})
    logged_models.forget_run(cursor, run.pk)
    run.delete()


def _insert(cursor: CursorWrapper, run: NewRun) -> int | None:
    cursor.execute(
        _INSERT,
        (
            run.uid,
            run.experiment_id,
            run.name,
            run.created_by,
            run.user_label,
            str(run.status),
            run.notes,
            run.started_ms,
            run.ended_ms,
            run.deleted_ms,
        ),
    )
    row = cursor.fetchone()
    return None if row is None else int(row[0])


def _move(
    cursor: CursorWrapper, run: LockedRun, status: RunStatus, *, by: int | None
) -> None:
    """Write the status; an end is `finish` in the audit trail, whoever the caller."""
    cursor.execute(_SET_STATUS, (str(status), run.pk))
    action = "report" if status in OPEN else "finish"
    changes = {"status": [run.status, str(status)]}
    audit.note(cursor, action, run.target, by=by, changes=changes)


def _named(cursor: CursorWrapper, pk: int) -> audit.Target:
    cursor.execute(_NAMED, (pk,))
    uid, name = cursor.fetchone()
    return _KIND, str(pk), name or uid
