"""Experiments: create, change, tag, soft-delete, restore, purge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from lifecycle.errors import ExperimentArchived, ExperimentDeleted
from lifecycle.states import ExperimentStatus
from lifecycle.store import keys, sql, tags, trace_removal
from lifecycle.store.recording import Recording
from mlops.core import audit
from mlops.core.errors import AlreadyExists, NotFound

_KIND: Final = "lifecycle.experiment"
_COLUMNS = """name, description, owner_id, created_by_id, status, metadata,
    artifact_label, created_at, updated_at, deleted_at"""
_INSERT = f"""
    INSERT INTO lifecycle_experiment ({_COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (name) DO NOTHING RETURNING id
"""  # noqa: S608 - constants
_INSERT_WITH_ID = f"""
    INSERT INTO lifecycle_experiment (id, {_COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""  # noqa: S608 - constants
_OPEN = """
    SELECT name, artifact_label, status, deleted_at IS NOT NULL
    FROM lifecycle_experiment WHERE id = %s
"""
_HELD = """
    SELECT name, description, status, metadata, artifact_label
    FROM lifecycle_experiment WHERE id = %s
"""
_CHANGEABLE: Final = ("name", "description", "status", "metadata", "artifact_label")
_SET: Final = {
    name: f"UPDATE lifecycle_experiment SET {name} = %s, updated_at = %s WHERE id = %s"  # noqa: S608 - constants
    for name in _CHANGEABLE
}
_TOUCH = "UPDATE lifecycle_experiment SET updated_at = %s WHERE id = %s"
_TAKEN = "SELECT 1 FROM lifecycle_experiment WHERE name = %s AND id <> %s"
_SOFT_DELETE = """
    UPDATE lifecycle_experiment SET deleted_at = %s, updated_at = %s
    WHERE id = %s AND deleted_at IS NULL
"""
_RESTORE = """
    UPDATE lifecycle_experiment SET deleted_at = NULL, updated_at = %s
    WHERE id = %s AND deleted_at IS NOT NULL
"""


class RemovableExperiment(Protocol):
    """A stored experiment that is removed with all that hangs on it."""

    @property
    def pk(self) -> int: ...

    @property
    def name(self) -> str: ...

    def delete(self) -> object: ...


@dataclass(frozen=True, slots=True)
class NewExperiment:
    """Columns of a new experiment; the caller has validated the name."""

    name: str
    owner: int | None = None
    created_by: int | None = None
    description: str = ""
    status: str = ExperimentStatus.ACTIVE
    metadata: Mapping[str, Any] = field(default_factory=dict)
    artifact_label: str = ""
    created_at: datetime = field(default_factory=timezone.now)
    updated_at: datetime | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenExperiment:
    """An experiment that takes runs; `label` is a remote address of its artifacts."""

    pk: int
    name: str
    label: str


def create(cursor: CursorWrapper, new: NewExperiment, labels: Mapping[str, str]) -> int:
    """Make an experiment with tags and return its primary key.

    Raises AlreadyExists for a name in use; that of a deleted experiment is in use.
    """
    cursor.execute(_INSERT, _values(new))
    row = cursor.fetchone()
    if row is None:
        raise _taken(new.name)
    pk = int(row[0])
    tags.write_of_experiment(cursor, pk, labels, keys.intern(cursor, labels))
    audit.note(cursor, "create", _target(pk, new.name), by=new.created_by)
    return pk


def create_as(cursor: CursorWrapper, pk: int, new: NewExperiment) -> bool:
    """Make the experiment with this primary key; return whether nobody had.

    False as well where the name is in use.
    """
    if not insert_as(cursor, pk, new):
        return False
    audit.note(cursor, "create", _target(pk, new.name), by=new.created_by)
    return True


def insert_as(cursor: CursorWrapper, pk: int, new: NewExperiment) -> bool:
    """Store the row under this primary key; False where it or the name is taken."""
    cursor.execute(_INSERT_WITH_ID, (pk, *_values(new)))
    return bool(cursor.rowcount)


def record(
    history: Recording, new: NewExperiment, labels: Mapping[str, str]
) -> int | None:
    """Store an experiment as it was, with its tags; None if its name is taken."""
    history.cursor.execute(_INSERT, _values(new))
    row = history.cursor.fetchone()
    if row is None:
        return None
    ids = keys.intern(history.cursor, labels)
    tags.write_of_experiment(history.cursor, int(row[0]), labels, ids)
    history.count("experiments")
    history.count("tags", len(labels))
    return int(row[0])


def open_for_runs(cursor: CursorWrapper, pk: int) -> OpenExperiment:
    """Return the experiment if runs may start in it now.

    Raises NotFound, ExperimentDeleted or ExperimentArchived.
    """
    cursor.execute(_OPEN, (pk,))
    row = cursor.fetchone()
    if row is None:
        raise NotFound("There is no such experiment.", field="experiment_name")
    name, label, status, is_deleted = row
    if is_deleted:
        raise ExperimentDeleted("The experiment was deleted.", field="experiment_name")
    if status == ExperimentStatus.ARCHIVED:
        raise ExperimentArchived(
            f"The experiment {name!r} is archived and takes no runs.",
            field="experiment_name",
        )
    return OpenExperiment(pk, name, label)


def change(
    cursor: CursorWrapper, pk: int, changes: Mapping[str, Any], *, by: int | None
) -> None:
    """Replace what is given of description, status, metadata, label and `tags`.

    Tags and metadata are replaced as wholes. Archiving ends no run. The entry says
    [old, new] of what differs, also of the tags.
    """
    locked = _lock(cursor, pk)
    given = dict(changes)
    labels = given.pop("tags", None)
    seen = {
        name: [locked[name], value]
        for name, value in given.items()
        if locked[name] != value
    }
    _touch(cursor, pk)
    for name, value in given.items():
        stored = sql.as_json(value) if name == "metadata" else str(value)
        cursor.execute(_SET[name], (stored, sql.now(), pk))
    if labels is not None:
        seen["tags"] = _replace_tags(cursor, pk, labels)
    audit.note(cursor, "change", _target(pk, locked["name"]), by=by, changes=seen)


def rename(cursor: CursorWrapper, pk: int, name: str, *, by: int | None) -> None:
    """Give another name, checked by the caller. Raises AlreadyExists."""
    locked = _lock(cursor, pk)
    cursor.execute(_TAKEN, (name, pk))
    if cursor.fetchone() is not None:
        raise _taken(name)
    cursor.execute(_SET["name"], (name, sql.now(), pk))
    audit.note(
        cursor,
        "rename",
        _target(pk, name),
        by=by,
        changes={"name": [locked["name"], name]},
    )


def tag(
    cursor: CursorWrapper, pk: int, labels: Mapping[str, str], *, by: int | None
) -> None:
    """Store tags beside those that are there; a known key gets the new value."""
    locked = _lock(cursor, pk)
    before = tags.of_experiment(cursor, pk, labels)
    tags.write_of_experiment(cursor, pk, labels, keys.intern(cursor, labels))
    _touch(cursor, pk)
    seen = {"tags": _difference(before, labels)}
    audit.note(cursor, "change", _target(pk, locked["name"]), by=by, changes=seen)


def untag(cursor: CursorWrapper, pk: int, name: str, *, by: int | None) -> bool:
    """Delete a tag; return whether there was one."""
    locked = _lock(cursor, pk)
    before = tags.of_experiment(cursor, pk, [name])
    if not tags.delete_of_experiment(cursor, pk, name):
        return False
    seen = {"tags": _difference(before, {})}
    audit.note(cursor, "change", _target(pk, locked["name"]), by=by, changes=seen)
    return True


def soft_delete(cursor: CursorWrapper, pk: int, *, by: int | None) -> None:
    """Hide the experiment with its runs until it is brought back; twice is once."""
    locked = _lock(cursor, pk)
    now = sql.now()
    cursor.execute(_SOFT_DELETE, (now, now, pk))
    if cursor.rowcount:
        audit.note(cursor, "delete", _target(pk, locked["name"]), by=by)


def restore(cursor: CursorWrapper, pk: int, *, by: int | None) -> None:
    """Undo `soft_delete`; a living experiment stays as it is."""
    locked = _lock(cursor, pk)
    cursor.execute(_RESTORE, (sql.now(), pk))
    if cursor.rowcount:
        audit.note(cursor, "restore", _target(pk, locked["name"]), by=by)


def erase(
    cursor: CursorWrapper, experiment: RemovableExperiment, *, by: int | None
) -> None:
    """Remove an experiment for good; its runs and their files are gone before."""
    audit.note(cursor, "purge", _target(experiment.pk, experiment.name), by=by)
    trace_removal.erase_of(cursor, experiment.pk)
    experiment.delete()


def _lock(cursor: CursorWrapper, pk: int) -> dict[str, Any]:
    """Return what may be changed, locked until the commit. Raises NotFound."""
    cursor.execute(_HELD + sql.for_update(), (pk,))
    row = cursor.fetchone()
    if row is None:
        raise NotFound("The experiment was deleted.", field="experiment_name")
    locked = dict(zip(_CHANGEABLE, row, strict=True))
    return {**locked, "metadata": sql.from_json(locked["metadata"])}


def _replace_tags(
    cursor: CursorWrapper, pk: int, labels: Mapping[str, str]
) -> list[dict[str, str]]:
    before = tags.of_experiment(cursor, pk)
    for name in sorted(before.keys() - labels.keys()):
        tags.delete_of_experiment(cursor, pk, name)
    tags.write_of_experiment(cursor, pk, labels, keys.intern(cursor, labels))
    return _difference(before, labels)


def _difference(
    before: Mapping[str, str], after: Mapping[str, str]
) -> list[dict[str, str]]:
    """Return the tags that differ, as they were and as they are."""
    old = {key: value for key, value in before.items() if after.get(key) != value}
    new = {key: value for key, value in after.items() if before.get(key) != value}
    return [old, new]


def _touch(cursor: CursorWrapper, pk: int) -> None:
    cursor.execute(_TOUCH, (sql.now(), pk))


def _values(new: NewExperiment) -> tuple[Any, ...]:
    updated_at = new.updated_at or new.created_at
    deleted_at = new.deleted_at
    return (
        new.name,
        new.description,
        new.owner,
        new.created_by,
        str(new.status),
        sql.as_json(new.metadata),
        new.artifact_label,
        sql.moment(new.created_at),
        sql.moment(updated_at),
        None if deleted_at is None else sql.moment(deleted_at),
    )


def _target(pk: int, name: str) -> audit.Target:
    return _KIND, str(pk), name


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(f"There is an experiment {name!r} already.", field="name")
