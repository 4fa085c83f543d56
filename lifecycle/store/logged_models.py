"""Logged models (MLflow 3): created, finalized, tagged, soft-deleted.

Times are milliseconds since 1970 in UTC, as the protocol sends them.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from django.db.backends.utils import CursorWrapper

from lifecycle.errors import IllegalModelMove, ParamConflict
from lifecycle.states import LOGGED_MODEL_MOVES, LoggedModelStatus
from lifecycle.store import sql
from lifecycle.store.recording import Recording
from lifecycle.times import now_ms
from mlops.core import audit
from mlops.core.errors import Invalid, NotFound

KIND: Final = "lifecycle.loggedmodel"
_FORBIDDEN: Final = ("/", ":", ".", "%", '"', "'")
_MAX_TEXT: Final = 500
_MAX_RUN_LABEL: Final = 256

_RUN = "SELECT id, name FROM lifecycle_run WHERE uid = %s"
_INSERT = """
    INSERT INTO lifecycle_loggedmodel (id, experiment_id, name, source_run_id,
        source_run_label, model_type, status, status_message, created_by_id,
        created_ms, updated_ms, deleted_ms)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
_HELD = """
    SELECT id, name, status FROM lifecycle_loggedmodel
    WHERE id = %s AND deleted_ms IS NULL
"""
_SET_STATUS = """
    UPDATE lifecycle_loggedmodel SET status = %s, updated_ms = %s WHERE id = %s
"""
_SOFT_DELETE = """
    UPDATE lifecycle_loggedmodel SET deleted_ms = %s, updated_ms = %s WHERE id = %s
"""
_TOUCH = "UPDATE lifecycle_loggedmodel SET updated_ms = %s WHERE id = %s"
_FORGET_RUN = """
    UPDATE lifecycle_loggedmodel SET source_run_label =
        (SELECT uid FROM lifecycle_run WHERE id = %s)
    WHERE source_run_id = %s
"""
_SET_TAG = """
    INSERT INTO lifecycle_loggedmodeltag (model_id, key, value) VALUES (%s, %s, %s)
    ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value
"""
_DROP_TAG = "DELETE FROM lifecycle_loggedmodeltag WHERE model_id = %s AND key = %s"
_PARAMS = """
    SELECT key, value FROM lifecycle_loggedmodelparam
    WHERE model_id = %s AND key IN ({})
"""
_ADD_PARAM = """
    INSERT INTO lifecycle_loggedmodelparam (model_id, key, value) VALUES (%s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class NewLoggedModel:
    """A model that a client begins to log."""

    experiment: int
    name: str
    model_type: str = ""
    run_uid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLoggedModel:
    """A logged model as it was; `run` is the key of the run that logged it."""

    pk: str
    experiment: int
    name: str
    created_ms: int
    updated_ms: int
    deleted_ms: int | None = None
    run: int | None = None
    run_label: str = ""
    model_type: str = ""
    status: LoggedModelStatus = LoggedModelStatus.PENDING
    status_message: str = ""
    created_by: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LockedLoggedModel:
    """A logged model that is not deleted and is locked until the commit."""

    pk: str
    name: str
    status: LoggedModelStatus


class RemovableLoggedModel(Protocol):
    """A stored row that is removed with all that hangs on it."""

    pk: str
    name: str

    def delete(self) -> object: ...


def require_name(name: str) -> None:
    """Raise Invalid for a name that could be a path, or is too long."""
    if any(char in name for char in _FORBIDDEN) or len(name) > _MAX_TEXT:
        raise Invalid(
            f"Invalid model name ({name[:100]!r}) provided. Model name must be a "
            "non-empty string and cannot contain the following characters: "
            f"{_FORBIDDEN}",
            field="name",
        )


def begin(cursor: CursorWrapper, new: NewLoggedModel, *, by: int | None) -> str:
    """Make a pending logged model and return its id.

    A run that is not here stays a label. Raises Invalid for the name.
    """
    require_name(new.name)
    cursor.execute(_RUN, (new.run_uid,))
    run = cursor.fetchone()
    at = now_ms()
    model = PastLoggedModel(
        pk=f"m-{uuid.uuid4().hex}",
        experiment=new.experiment,
        name=new.name,
        created_ms=at,
        updated_ms=at,
        run=run[0] if run else None,
        run_label="" if run else new.run_uid[:_MAX_RUN_LABEL],
        model_type=new.model_type[:_MAX_TEXT],
        created_by=by,
    )
    _insert(cursor, model)
    named = audit.reference(run[0], run[1] or new.run_uid) if run else model.run_label
    target = (KIND, model.pk, model.name)
    audit.note(cursor, "begin", target, by=by, changes={"run": named})
    return model.pk


def record(history: Recording, model: PastLoggedModel) -> bool:
    """Store a logged model as it was; False if its id is taken."""
    if not _insert(history.cursor, model):
        return False
    write_tags(history.cursor, model.pk, model.tags)
    _write(history.cursor, _ADD_PARAM, model.pk, model.params)
    history.count("logged models")
    return True


def lock(cursor: CursorWrapper, model: str) -> LockedLoggedModel:
    """Lock the model until the commit. Raises NotFound if it is not there."""
    cursor.execute(_HELD + sql.for_update(), (model,))
    row = cursor.fetchone()
    if row is None:
        raise NotFound(f"Logged model with ID '{model}' not found.", field="model_id")
    pk, name, status = row
    return LockedLoggedModel(pk, name, LoggedModelStatus(status))


def finish(
    cursor: CursorWrapper,
    model: LockedLoggedModel,
    status: LoggedModelStatus,
    *,
    by: int | None,
) -> None:
    """Set the final status of the logging; the present status is no move.

    Raises IllegalModelMove.
    """
    if status == model.status:
        _touch(cursor, model.pk)
        return
    if status not in LOGGED_MODEL_MOVES[model.status]:
        raise IllegalModelMove(
            f"A logged model that is {model.status} cannot become {status}.",
            field="status",
        )
    cursor.execute(_SET_STATUS, (str(status), now_ms(), model.pk))
    changes = {"status": [str(model.status), str(status)]}
    _note(cursor, "finish", model, by=by, changes=changes)


def soft_delete(
    cursor: CursorWrapper, model: LockedLoggedModel, *, by: int | None
) -> None:
    """Hide the model until it is purged."""
    at = now_ms()
    cursor.execute(_SOFT_DELETE, (at, at, model.pk))
    _note(cursor, "delete", model, by=by)


def set_tags(
    cursor: CursorWrapper, model: LockedLoggedModel, tags: Mapping[str, str]
) -> None:
    """Store tags; one that is there gets the new value."""
    write_tags(cursor, model.pk, tags)
    _touch(cursor, model.pk)


def write_tags(cursor: CursorWrapper, model: str, tags: Mapping[str, str]) -> None:
    """Store tags of a model that is locked or new."""
    _write(cursor, _SET_TAG, model, tags)


def drop_tag(cursor: CursorWrapper, model: LockedLoggedModel, key: str) -> None:
    """Remove a tag. Raises NotFound for one that is not there."""
    cursor.execute(_DROP_TAG, (model.pk, key))
    if not cursor.rowcount:
        raise NotFound(
            f"No tag with key {key!r} found for model with ID {model.pk!r}.",
            field="key",
        )
    _touch(cursor, model.pk)


def add_params(
    cursor: CursorWrapper, model: LockedLoggedModel, params: Mapping[str, str]
) -> None:
    """Store parameters, written once. Raises ParamConflict for another value."""
    marks = ",".join(["%s"] * len(params)) or "NULL"
    cursor.execute(_PARAMS.format(marks), [model.pk, *params])
    known = dict(cursor.fetchall())
    for key, value in params.items():
        if known.get(key, value) != value:
            raise ParamConflict(
                f"Changing param values is not allowed. Param with key='{key}' was "
                f"already logged with value='{known[key]}' for model ID='{model.pk}'.",
                field="params",
            )
    new = {key: value for key, value in params.items() if key not in known}
    _write(cursor, _ADD_PARAM, model.pk, new)
    _touch(cursor, model.pk)


def forget_run(cursor: CursorWrapper, run: int) -> None:
    """Keep the id of a run that is about to be removed as a label of its models."""
    cursor.execute(_FORGET_RUN, (run, run))


def erase(
    cursor: CursorWrapper, model: RemovableLoggedModel, *, files: int, by: int | None
) -> None:
    """Remove the model for good, with all that it has; its files are gone before."""
    target = (KIND, model.pk, model.name)
    audit.note(cursor, "purge", target, by=by, changes={"files": files})
    model.delete()


def _insert(cursor: CursorWrapper, model: PastLoggedModel) -> bool:
    cursor.execute(
        _INSERT,
        (
            model.pk,
            model.experiment,
            model.name,
            model.run,
            model.run_label,
            model.model_type,
            str(model.status),
            model.status_message,
            model.created_by,
            model.created_ms,
            model.updated_ms,
            model.deleted_ms,
        ),
    )
    return bool(cursor.rowcount)


def _write(
    cursor: CursorWrapper, statement: str, model: str, pairs: Mapping[str, str]
) -> None:
    rows = [(model, key, value) for key, value in sorted(pairs.items())]
    if rows:
        cursor.executemany(statement, rows)


def _touch(cursor: CursorWrapper, model: str) -> None:
    cursor.execute(_TOUCH, (now_ms(), model))


def _note(
    cursor: CursorWrapper,
    action: str,
    model: LockedLoggedModel,
    *,
    by: int | None,
    changes: Mapping[str, object] | None = None,
) -> None:
    target = (KIND, model.pk, model.name)
    audit.note(cursor, action, target, by=by, changes=changes)
