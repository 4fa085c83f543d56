"""Versions of registered models that are there: held, described, tagged, removed.

How one comes to be is in `registration`; how it moves between stages and is approved,
in `stages`.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from django.db.backends.utils import CursorWrapper

from lifecycle.errors import StaleVersion
from lifecycle.states import ModelStage
from lifecycle.store import aliases, registered_models, sql
from lifecycle.store.registered_models import LockedModel
from mlops.core import audit
from mlops.core.errors import NotFound

KIND: Final = "lifecycle.modelversion"
_MAX_NOTED: Final = 500

_MODEL_OF = """
    SELECT id, name, next_number FROM lifecycle_registeredmodel
    WHERE id = (SELECT model_id FROM lifecycle_modelversion WHERE id = %s)
"""
_HELD = """
    SELECT v.number, v.version, v.stage, v.description, v.created_by_id,
        v.approved_by_id, u.username, v.approved_at, v.run_id, l.source_run_id
    FROM lifecycle_modelversion v
    LEFT JOIN core_user u ON u.id = v.approved_by_id
    LEFT JOIN lifecycle_loggedmodel l ON l.id = v.logged_model_id
    WHERE v.id = %s
"""
_DESCRIBE = """
    UPDATE lifecycle_modelversion SET description = %s, updated_at = %s WHERE id = %s
"""
_TOUCH = "UPDATE lifecycle_modelversion SET updated_at = %s WHERE id = %s"
_SET_TAG = """
    INSERT INTO lifecycle_modelversiontag (version_id, key, value) VALUES (%s, %s, %s)
    ON CONFLICT (version_id, key) DO UPDATE SET value = excluded.value
"""
_DROP_TAG = "DELETE FROM lifecycle_modelversiontag WHERE version_id = %s AND key = %s"


@dataclass(frozen=True, slots=True)
class VersionAsRead:
    """The state a writer read before its change (optimistic lock)."""

    stage: str
    approved_at: datetime | None


@dataclass(frozen=True, slots=True)
class LockedVersion:
    """A version whose row, and whose model's, are locked until the commit."""

    id: uuid.UUID
    model: LockedModel
    number: int
    label: str
    stage: ModelStage
    description: str
    created_by: int | None
    approved_by: int | None
    approver: str | None
    approved_at: datetime | None
    runs: tuple[int, ...]
    """The runs that made it: its own, and that of its logged model."""

    def __str__(self) -> str:
        return f"{self.model.name} {self.label}"

    @property
    def key(self) -> str:
        return self.id.hex


class RemovableVersion(Protocol):
    """A version's row, which goes with all that hangs on it."""

    pk: uuid.UUID

    def delete(self) -> object: ...


def lock(
    cursor: CursorWrapper, pk: uuid.UUID, read: VersionAsRead | None = None
) -> LockedVersion:
    """Lock the version until the commit, and its model before it.

    Raises NotFound if it was deleted, StaleVersion if stage or approval differ from
    what was read.
    """
    cursor.execute(_MODEL_OF + sql.for_update(), (pk.hex,))
    model = cursor.fetchone()
    cursor.execute(_HELD + sql.for_update("v"), (pk.hex,))
    row = cursor.fetchone()
    if model is None or row is None:
        raise NotFound("The model version was deleted.", field="version")
    version = _locked(pk, LockedModel(*model), row)
    if read is not None and read != VersionAsRead(version.stage, version.approved_at):
        raise StaleVersion(f"{version} was changed meanwhile; read it again.")
    return version


def describe(
    cursor: CursorWrapper, version: LockedVersion, description: str, *, by: int | None
) -> None:
    """Replace the description."""
    cursor.execute(_DESCRIBE, (description, sql.now(), version.key))
    registered_models.touch(cursor, version.model)
    changes = {"description": [version.description, description]}
    note(cursor, "describe", version, by=by, changes=changes)


def set_tag(
    cursor: CursorWrapper,
    version: LockedVersion,
    key: str,
    value: str,
    *,
    by: int | None,
) -> None:
    """Store a tag; one that is there gets the new value."""
    write_tag(cursor, version.key, key, value)
    cursor.execute(_TOUCH, (sql.now(), version.key))
    changes = {"tags": {key: value[:_MAX_NOTED]}}
    note(cursor, "tag", version, by=by, changes=changes)


def write_tag(cursor: CursorWrapper, version: str, key: str, value: str) -> None:
    """Store a tag of a version that is held or new."""
    cursor.execute(_SET_TAG, (version, key, value))


def drop_tag(
    cursor: CursorWrapper, version: LockedVersion, key: str, *, by: int | None
) -> None:
    """Remove a tag; one that is not there is no error."""
    cursor.execute(_DROP_TAG, (version.key, key))
    if cursor.rowcount:
        cursor.execute(_TOUCH, (sql.now(), version.key))
        note(cursor, "untag", version, by=by, changes={"tags": key})


def remove(cursor: CursorWrapper, row: RemovableVersion, *, by: int | None) -> None:
    """Remove a version and its aliases. Raises ProtectedError once it was deployed."""
    version = lock(cursor, row.pk)
    note(cursor, "delete", version, by=by, changes={"name": str(version)})
    aliases.drop_all_of(cursor, version.model, version.key, by=by)
    registered_models.touch(cursor, version.model)
    row.delete()


def note(
    cursor: CursorWrapper,
    action: str,
    version: LockedVersion,
    *,
    by: int | None,
    changes: Mapping[str, object],
) -> None:
    """Append an entry about the version to the audit trail."""
    target = (KIND, str(version.id), str(version))
    audit.note(cursor, action, target, by=by, changes=changes)


def _locked(pk: uuid.UUID, model: LockedModel, row: Sequence[Any]) -> LockedVersion:
    number, label, stage, description, author, approver, named, approved_at, *runs = row
    return LockedVersion(
        id=pk,
        model=model,
        number=number,
        label=label,
        stage=ModelStage(stage),
        description=description,
        created_by=author,
        approved_by=approver,
        approver=named,
        approved_at=sql.as_utc(approved_at) if approved_at else None,
        runs=tuple(sorted({run for run in runs if run is not None})),
    )
