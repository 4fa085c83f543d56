"""Runs by plain SQL: find one, show one; and where one may begin."""

from typing import Any

from django.db.backends.utils import CursorWrapper

from lifecycle.errors import ExperimentArchived, ExperimentDeleted
from lifecycle.mlflow.default import DEFAULT_ID, ensure_default
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fastpath.children import children_of
from lifecycle.mlflow.messages.runs import COLUMNS, TABLES, RunRow, run_message
from lifecycle.states import ExperimentStatus
from lifecycle.store import experiments
from lifecycle.store.experiments import OpenExperiment
from mlops.core.errors import NotFound

_SHOW = f"SELECT {COLUMNS} FROM {TABLES} WHERE r.uid = %s"  # noqa: S608 - constants
_FIND = """
    SELECT r.id, r.deleted_ms IS NOT NULL OR e.deleted_at IS NOT NULL, r.experiment_id
    FROM lifecycle_run r JOIN lifecycle_experiment e ON e.id = r.experiment_id
    WHERE r.uid = %s
"""


def open_experiment(cursor: CursorWrapper, experiment_id: int) -> OpenExperiment:
    """Return an experiment that takes runs; the default one is created on first use.

    Raises Missing, or InvalidValue if it is deleted or archived.
    """
    try:
        return experiments.open_for_runs(cursor, experiment_id)
    except ExperimentDeleted:
        state = "deleted"
    except ExperimentArchived:
        state = str(ExperimentStatus.ARCHIVED)
    except NotFound:
        if experiment_id == DEFAULT_ID:
            ensure_default()
            return experiments.open_for_runs(cursor, experiment_id)
        raise Missing(f"No Experiment with id={experiment_id} exists") from None
    raise InvalidValue(
        f"The experiment {experiment_id} must be in the 'active' state. "
        f"Current state is {state}."
    )


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
