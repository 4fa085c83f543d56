"""New versions of registered models: registered now, or imported as they were."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from lifecycle.states import RESERVED_VERSIONS, ModelStage
from lifecycle.store import (
    checklists,
    figures,
    listed_versions,
    registered_models,
    sql,
    versions,
)
from lifecycle.store.checklists import NewCheck
from lifecycle.store.figures import NewFigure
from lifecycle.store.recording import Recording
from lifecycle.store.registered_models import LockedModel
from mlops.core import audit, names
from mlops.core.errors import AlreadyExists, NotFound

_INSERT = """
    INSERT INTO lifecycle_modelversion (id, model_id, number, version, run_id,
        run_label, logged_model_id, artifact_id, artifact_path, source, run_link, stage,
        description, framework, hyperparameters, created_by_id, approved_by_id,
        approved_at, approval_notes, created_at, updated_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
        %s, %s)
"""
_LABELLED = "SELECT 1 FROM lifecycle_modelversion WHERE model_id = %s AND version = %s"
_NUMBERED = "SELECT 1 FROM lifecycle_modelversion WHERE model_id = %s AND number = %s"
_LOGGED_BY = """
    SELECT l.source_run_id, r.uid, l.source_run_label, l.deleted_ms
    FROM lifecycle_loggedmodel l LEFT JOIN lifecycle_run r ON r.id = l.source_run_id
    WHERE l.id = %s
"""
_STANDS_ON = "SELECT 1 FROM lifecycle_modelversion WHERE logged_model_id = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """Columns of a new version; `run`, `logged_model` and `artifact` are keys.

    `artifact` is the file that is served, as `servable.pin` found it. Without a
    `label` the version is called by its number; without `figures` it gets the newest
    metrics of its run.
    """

    artifact: uuid.UUID | None
    label: str | None = None
    run: int | None = None
    run_label: str = ""
    logged_model: str | None = None
    artifact_path: str = ""
    source: str = ""
    run_link: str = ""
    description: str = ""
    framework: str = ""
    hyperparameters: Mapping[str, Any] | None = None
    figures: Sequence[NewFigure] | None = None
    checklist: Sequence[NewCheck] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVersion:
    """Stage of an imported version, and who created and approved it when."""

    number: int
    created_at: datetime
    updated_at: datetime | None = None
    created_by: int | None = None
    stage: ModelStage = ModelStage.EXPERIMENTAL
    approved_by: int | None = None
    approved_at: datetime | None = None
    approval_notes: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A version that is stored now.

    `logged_by` is the id of the run that it has from its logged model, "" if none.
    """

    id: uuid.UUID
    number: int
    label: str
    at: datetime
    logged_by: str = ""


def register(
    cursor: CursorWrapper, model: LockedModel, new: NewVersion, *, by: int | None
) -> Registered:
    """Store a version of a model that is held, under the model's next number.

    Raises AlreadyExists for a label that is taken, Invalid for a label or a check that
    cannot be, NotFound for a logged model that was deleted. The logged model that it
    was made from lists it afterwards, and gives it its run where none is named.
    """
    number, label = _free(cursor, model, new.label)
    registered_models.take_number(cursor, model, number)
    past = PastVersion(number=number, created_at=timezone.now(), created_by=by)
    new, run_id = _with_run(cursor, new)
    made = replace(_store(cursor, model, label, new, past), logged_by=run_id)
    if new.logged_model is not None:
        listed_versions.add(cursor, new.logged_model, model.name, number)
    target = (versions.KIND, str(made.id), f"{model.name} {label}")
    audit.note(cursor, "register", target, by=by, changes={"number": number})
    return made


def record(
    history: Recording, model: LockedModel, new: NewVersion, past: PastVersion
) -> Registered | None:
    """Store a version as it was; None if its number or label is taken.

    The next one that is registered gets a number after it.
    """
    label = str(past.number) if new.label is None else new.label
    if _is_there(history.cursor, _LABELLED, model, label):
        return None
    if _is_there(history.cursor, _NUMBERED, model, past.number):
        return None
    registered_models.pass_number(history.cursor, model, past.number)
    made = _store(history.cursor, model, label, new, past)
    history.count("versions")
    return made


def _with_run(cursor: CursorWrapper, new: NewVersion) -> tuple[NewVersion, str]:
    """Add the run that logged its model if none is named; return that run's id too.

    The model is locked, so that it stays. Raises NotFound for a deleted one on which
    no other version stands.
    """
    if new.logged_model is None:
        return new, ""
    cursor.execute(_LOGGED_BY + sql.for_update("l"), (new.logged_model,))
    row = cursor.fetchone()
    if row is None or (row[3] and not _has_versions(cursor, new.logged_model)):
        raise NotFound(
            f"Logged model with ID '{new.logged_model}' not found.", field="model_id"
        )
    if new.run is not None or new.run_label:
        return new, ""
    run, uid, label, _ = row
    return replace(new, run=run, run_label="" if run else label), uid or label


def _has_versions(cursor: CursorWrapper, logged_model: str) -> bool:
    cursor.execute(_STANDS_ON, (logged_model,))
    return cursor.fetchone() is not None


def _free(
    cursor: CursorWrapper, model: LockedModel, label: str | None
) -> tuple[int, str]:
    """Return number and label; a number is no other version's label either."""
    number = model.next_number
    if label is None:
        while _is_there(cursor, _LABELLED, model, str(number)):
            number += 1
        return number, str(number)
    clean = names.clean(label, field="version", reserved=RESERVED_VERSIONS)
    if _is_there(cursor, _LABELLED, model, clean):
        raise AlreadyExists(
            f"The model {model.name} has a version {clean!r} already.", field="version"
        )
    return number, clean


def _is_there(
    cursor: CursorWrapper, statement: str, model: LockedModel, value: int | str
) -> bool:
    cursor.execute(statement, (model.pk, value))
    return cursor.fetchone() is not None


def _store(
    cursor: CursorWrapper,
    model: LockedModel,
    label: str,
    new: NewVersion,
    past: PastVersion,
) -> Registered:
    """Store the row with its figures, tags and checklist."""
    made = Registered(uuid.uuid4(), past.number, label, past.created_at)
    _insert(cursor, model, made, new, past)
    key = made.id.hex
    figures.write(cursor, key, new.figures, run=new.run)
    for name, value in new.tags.items():
        versions.write_tag(cursor, key, name, value)
    if new.checklist:
        checklists.write(cursor, key, new.checklist)
    return made


def _insert(
    cursor: CursorWrapper,
    model: LockedModel,
    made: Registered,
    new: NewVersion,
    past: PastVersion,
) -> None:
    hyperparameters, approved_at = new.hyperparameters, past.approved_at
    cursor.execute(
        _INSERT,
        (
            made.id.hex,
            model.pk,
            made.number,
            made.label,
            new.run,
            new.run_label,
            new.logged_model,
            new.artifact.hex if new.artifact else None,
            new.artifact_path,
            new.source,
            new.run_link,
            str(past.stage),
            new.description,
            new.framework,
            None if hyperparameters is None else json.dumps(hyperparameters),
            past.created_by,
            past.approved_by,
            None if approved_at is None else sql.moment(approved_at),
            past.approval_notes,
            sql.moment(past.created_at),
            sql.moment(past.updated_at or past.created_at),
        ),
    )
