"""Registered models: their names, the numbers of their versions, their tags.

Locks are taken in one order everywhere: the model, then its version, then the run and
the logged model that the version was made from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from lifecycle.states import IS_PROMPT
from lifecycle.store import sql
from lifecycle.store.recording import Recording
from mlops.core import audit, names
from mlops.core.errors import AlreadyExists, NotFound

KIND: Final = "lifecycle.registeredmodel"
_MAX_NOTED: Final = 500

_INSERT = """
    INSERT INTO lifecycle_registeredmodel (name, description, next_number,
        created_by_id, created_at, updated_at)
    VALUES (%s, %s, 1, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
"""
_BY_NAME = "SELECT id, name, next_number FROM lifecycle_registeredmodel WHERE name = %s"
_BY_ID = "SELECT id, name, next_number FROM lifecycle_registeredmodel WHERE id = %s"
_DESCRIPTION = "SELECT description FROM lifecycle_registeredmodel WHERE id = %s"
_DESCRIBE = """
    UPDATE lifecycle_registeredmodel SET description = %s, updated_at = %s WHERE id = %s
"""
_RENAME = """
    UPDATE lifecycle_registeredmodel SET name = %s, updated_at = %s WHERE id = %s
"""
_TAKE = """
    UPDATE lifecycle_registeredmodel SET next_number = %s, updated_at = %s WHERE id = %s
"""
_SKIP = """
    UPDATE lifecycle_registeredmodel SET next_number = %s
    WHERE id = %s AND next_number < %s
"""
_TOUCH = "UPDATE lifecycle_registeredmodel SET updated_at = %s WHERE id = %s"
_SET_TAG = """
    INSERT INTO lifecycle_registeredmodeltag (model_id, key, value)
    VALUES (%s, %s, %s)
    ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value
"""
_DROP_TAG = """
    DELETE FROM lifecycle_registeredmodeltag WHERE model_id = %s AND key = %s
"""


@dataclass(frozen=True, slots=True)
class LockedModel:
    """A registered model whose row is locked until the commit."""

    pk: int
    name: str
    next_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRegisteredModel:
    """A model as it was, and who made it when."""

    name: str
    created_at: datetime
    updated_at: datetime | None = None
    created_by: int | None = None
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


class RemovableModel(Protocol):
    """A model's row, which goes with all that hangs on it."""

    pk: int

    def delete(self) -> object: ...


def create(
    cursor: CursorWrapper,
    name: str,
    *,
    by: int | None,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> LockedModel:
    """Make a model. Raises Invalid, or AlreadyExists also for a lost race."""
    clean = names.clean(name, field="model_name")
    new = PastRegisteredModel(
        name=clean,
        created_at=timezone.now(),
        created_by=by,
        description=description,
        tags=tags or {},
    )
    made = _insert(cursor, new)
    if made is None:
        raise AlreadyExists(f"There is a model {clean} already.", field="name")
    is_prompt = new.tags.get(IS_PROMPT) == "true"
    note(
        cursor, "create", made, by=by, changes={"is_prompt": True} if is_prompt else {}
    )
    return made


def record(history: Recording, past: PastRegisteredModel) -> LockedModel | None:
    """Store a model as it was, with its tags; None if its name is taken."""
    made = _insert(history.cursor, past)
    if made is not None:
        history.count("registered models")
    return made


def ensure(cursor: CursorWrapper, name: str, *, by: int | None) -> LockedModel:
    """Return the model of this name, made if there is none yet.

    Raises Invalid for a name with `/`, `:` or what else no name may hold.
    """
    clean = names.clean(name, field="model_name")
    try:
        return find(cursor, clean)
    except NotFound:
        pass
    try:
        return create(cursor, clean, by=by)
    except AlreadyExists:  # somebody made it between the two
        return find(cursor, clean)


def lock(cursor: CursorWrapper, pk: int) -> LockedModel:
    """Lock the model until the commit. Raises NotFound if it was deleted."""
    return _locked(cursor, _BY_ID, pk)


def find(cursor: CursorWrapper, name: str) -> LockedModel:
    """Lock the model of this (clean) name until the commit. Raises NotFound."""
    return _locked(cursor, _BY_NAME, name)


def take_number(cursor: CursorWrapper, model: LockedModel, number: int) -> None:
    """Reserve a version number; the next version gets a higher one."""
    cursor.execute(_TAKE, (number + 1, sql.now(), model.pk))


def pass_number(cursor: CursorWrapper, model: LockedModel, number: int) -> None:
    """Raise the model's next version number above this one."""
    cursor.execute(_SKIP, (number + 1, model.pk, number + 1))


def describe(
    cursor: CursorWrapper, model: LockedModel, description: str, *, by: int | None
) -> None:
    """Replace the description."""
    cursor.execute(_DESCRIPTION, (model.pk,))
    before = cursor.fetchone()[0]
    cursor.execute(_DESCRIBE, (description, sql.now(), model.pk))
    changes = {"description": [before, description]}
    note(cursor, "describe", model, by=by, changes=changes)


def rename(
    cursor: CursorWrapper, model: LockedModel, name: str, *, by: int | None
) -> str:
    """Give another name and return it as it is kept.

    Raises Invalid, or AlreadyExists. Whether a deployment holds the name is for the
    caller to ask: deployments stand above this package.
    """
    clean = names.clean(name, field="name")
    cursor.execute(_BY_NAME, (clean,))
    other = cursor.fetchone()
    if other is not None and other[0] != model.pk:
        raise AlreadyExists(f"There is a model {clean} already.", field="name")
    cursor.execute(_RENAME, (clean, sql.now(), model.pk))
    renamed = LockedModel(model.pk, clean, model.next_number)
    note(cursor, "rename", renamed, by=by, changes={"name": [model.name, clean]})
    return clean


def remove(cursor: CursorWrapper, row: RemovableModel, *, by: int | None) -> None:
    """Remove a model with its versions. Raises ProtectedError once one is deployed."""
    model = lock(cursor, row.pk)
    note(cursor, "delete", model, by=by, changes={"name": model.name})
    row.delete()


def set_tag(
    cursor: CursorWrapper, model: LockedModel, key: str, value: str, *, by: int | None
) -> None:
    """Store a tag; one that is there gets the new value."""
    cursor.execute(_SET_TAG, (model.pk, key, value))
    touch(cursor, model)
    changes = {"tags": {key: value[:_MAX_NOTED]}}
    note(cursor, "tag", model, by=by, changes=changes)


def drop_tag(
    cursor: CursorWrapper, model: LockedModel, key: str, *, by: int | None
) -> None:
    """Remove a tag; one that is not there is no error."""
    cursor.execute(_DROP_TAG, (model.pk, key))
    if cursor.rowcount:
        touch(cursor, model)
        note(cursor, "untag", model, by=by, changes={"tags": key})


def touch(cursor: CursorWrapper, model: LockedModel) -> None:
    """Set the model's `updated_at` to now."""
    cursor.execute(_TOUCH, (sql.now(), model.pk))


def _insert(cursor: CursorWrapper, new: PastRegisteredModel) -> LockedModel | None:
    """Return the new model with its tags, or None if the name is taken."""
    at = sql.moment(new.created_at)
    changed = sql.moment(new.updated_at or new.created_at)
    cursor.execute(_INSERT, (new.name, new.description, new.created_by, at, changed))
    if (row := cursor.fetchone()) is None:
        return None
    for key, value in new.tags.items():
        cursor.execute(_SET_TAG, (row[0], key, value))
    return LockedModel(row[0], new.name, 1)


def _locked(cursor: CursorWrapper, statement: str, value: int | str) -> LockedModel:
    cursor.execute(statement + sql.for_update(), (value,))
    if (row := cursor.fetchone()) is None:
        named = "The model was deleted."
        if isinstance(value, str):
            named = f"There is no model {value!r}."
        raise NotFound(named, field="model_name")
    return LockedModel(*row)


def note(
    cursor: CursorWrapper,
    action: str,
    model: LockedModel,
    *,
    by: int | None,
    changes: Mapping[str, object] | None = None,
) -> None:
    """Append an entry about the model to the audit trail."""
    target = (KIND, str(model.pk), model.name)
    audit.note(cursor, action, target, by=by, changes=changes)
