"""Runs by plain SQL: begin one, find one, show one."""

from dataclasses import dataclass
from typing import Any

from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow.default import DEFAULT_ID, ensure_default
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.hot.children import children_of
from lifecycle.mlflow.messages.runs import COLUMNS, TABLES, RunRow, run_message
from lifecycle.states import ExperimentStatus, RunStatus

_SHOW = f"SELECT {COLUMNS} FROM {TABLES} WHERE r.uid = %s"  # noqa: S608 - constants
_FIND = """
    SELECT r.id, r.deleted_ms IS NOT NULL OR e.deleted_at IS NOT NULL, r.experiment_id
    FROM lifecycle_run r JOIN lifecycle_experiment e ON e.id = r.experiment_id
    WHERE r.uid = %s
"""
_EXPERIMENT = """
    SELECT status, deleted_at, artifact_label FROM lifecycle_experiment WHERE id = %s
"""
_INSERT = """
    INSERT INTO lifecycle_run (uid, experiment_id, name, created_by_id, user_label,
        status, notes, started_ms)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""


@dataclass(frozen=True, slots=True)
class NewRun:
    """What is stored of a run that begins."""

    uid: str
    experiment_id: int
    name: str
    created_by: int | None
    user_label: str
    notes: str | None
    started_ms: int


def open_experiment(cursor: CursorWrapper, experiment_id: int) -> str:
    """Return the artifact label of an experiment that takes runs.

    Raises Missing, or InvalidValue if it is deleted or archived.
    """
    cursor.execute(_EXPERIMENT, (experiment_id,))
    row = cursor.fetchone()
    if row is None and experiment_id == DEFAULT_ID:
        ensure_default()
        return open_experiment(cursor, experiment_id)
    if row is None:
        raise Missing(f"No Experiment with id={experiment_id} exists")
    status, deleted_at, label = row
    state = "deleted" if deleted_at is not None else status
    if state != ExperimentStatus.ACTIVE:
        raise InvalidValue(
            f"The experiment {experiment_id} must be in the 'active' state. "
            f"Current state is {state}."
        )
    return str(label)


def insert_run(cursor: CursorWrapper, run: NewRun) -> int:
    """Store a running run and return its primary key."""
    cursor.execute(
        _INSERT,
        (
            run.uid,
            run.experiment_id,
            run.name,
            run.created_by,
            run.user_label,
            str(RunStatus.RUNNING),
            run.notes,
            run.started_ms,
        ),
    )
    return int(cursor.fetchone()[0])


def writable_run(cursor: CursorWrapper, uid: str) -> tuple[int, int]:
    """Return the primary keys of a run and its experiment; only deletion closes it.

    Raises Missing, or InvalidValue for a deleted run.
    """
    pk, is_deleted, experiment = found_run(cursor, uid)
    if is_deleted:
        raise InvalidValue(
            f"The run {uid} must be in the 'active' state. Current state is deleted."
        )
    return pk, experiment


def found_run(cursor: CursorWrapper, uid: str) -> tuple[int, bool, int]:
    """Return primary key, whether it is deleted, and experiment. Raises Missing."""
    cursor.execute(_FIND, (uid,))
    row = cursor.fetchone()
    if row is None:
        raise Missing(f"Run with id={uid} not found")
    return row[0], bool(row[1]), row[2]


def show_run(cursor: CursorWrapper, uid: str) -> dict[str, Any]:
    """Return the Run message, deleted or not. Raises Missing."""
    row = run_row(cursor, uid)
    return run_message(row, children_of(cursor, [row.pk])[row.pk])


def run_row(cursor: CursorWrapper, uid: str) -> RunRow:
    cursor.execute(_SHOW, (uid,))
    row = cursor.fetchone()
    if row is None:
        raise Missing(f"Run with id={uid} not found")
    return RunRow(*row)
