"""Registering a version in a handful of statements.

The rows are those of `ModelVersion.register` (a test compares the two): number and
label, the pinned file, the run's figures, tags, the audit entry.
"""

import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from lifecycle import mlmodel
from lifecycle.mlflow.errors import Missing
from lifecycle.mlflow.hot import trail
from lifecycle.mlflow.messages.registry import VersionRow
from lifecycle.mlflow.sources import Source
from lifecycle.models import LoggedModel, Run, servable
from lifecycle.states import SERVABLE_SUFFIXES, ModelStage
from mlops.core.models import User

_INSERT = """
    INSERT INTO lifecycle_modelversion (id, model_id, number, version, run_id,
        run_label, logged_model_id, artifact_id, artifact_path, source, run_link, stage,
        description, framework, created_by_id, approval_notes, created_at, updated_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_MODEL = "SELECT id, name, next_number FROM lifecycle_registeredmodel WHERE name = %s"
_TAKE = """
    UPDATE lifecycle_registeredmodel SET next_number = %s, updated_at = %s WHERE id = %s
"""
_TAKEN = "SELECT 1 FROM lifecycle_modelversion WHERE model_id = %s AND version = %s"
_TAG = (
    "INSERT INTO lifecycle_modelversiontag (version_id, key, value) VALUES (%s, %s, %s)"
)
_FIGURES = """
    INSERT INTO lifecycle_versionmetric (version_id, name, value, dataset)
    SELECT %s, k.name, m.value, NULLIF(m.dataset, '')
    FROM lifecycle_latestmetric m JOIN lifecycle_key k ON k.id = m.key_id
    WHERE m.run_id = %s AND NOT m.is_nan AND m.value - m.value = 0
    ORDER BY k.name, m.dataset
"""
_MARKS = [*(f"%{suffix}" for suffix in SERVABLE_SUFFIXES), f"%{mlmodel.NAME.lower()}"]
_SERVABLE = " OR ".join(["path = %s", *(["LOWER(path) LIKE %s"] * len(_MARKS))])
_FILES = f"""
    SELECT 1 FROM lifecycle_artifact WHERE run_id = %s AND ({_SERVABLE})
    UNION ALL
    SELECT 1 FROM lifecycle_artifact WHERE ({_SERVABLE}) AND logged_model_id IN (
        SELECT id FROM lifecycle_loggedmodel WHERE source_run_id = %s OR id = %s)
    LIMIT 1
"""  # noqa: S608 - marks only


@dataclass(frozen=True, slots=True)
class Model:
    """A registered model, held until the commit."""

    pk: int
    name: str
    next_number: int


@dataclass(frozen=True, slots=True)
class Described:
    """What a client says of a new version."""

    run_link: str
    description: str
    tags: Mapping[str, str]


def locked_model(cursor: CursorWrapper, name: str) -> Model:
    """Return the model with this name. Raises Missing."""
    known = unicodedata.normalize("NFC", name).strip()
    cursor.execute(_MODEL + _for_update(), (known,))
    row = cursor.fetchone()
    if row is None:
        raise Missing(f"Registered Model with name={name} not found")
    return Model(*row)


def register(
    cursor: CursorWrapper,
    model: Model,
    source: Source,
    described: Described,
    *,
    by: User | None,
) -> VersionRow:
    """Store the version under the model's next free number, and return it."""
    version, now = uuid.uuid4(), timezone.now()
    at = connection.ops.adapt_datetimefield_value(now)
    number = _take_number(cursor, model, at)
    stored: dict[str, Any] = {
        "id": version.hex,
        "model_id": model.pk,
        "number": number,
        "version": str(number),
        "run_id": source.run,
        "run_label": source.run_label,
        "logged_model_id": source.model_id or None,
        "artifact_id": _pinned(cursor, source),
        "artifact_path": source.path,
        "source": source.text,
        "run_link": described.run_link,
        "stage": str(ModelStage.EXPERIMENTAL),
        "description": described.description,
        "framework": "",
        "created_by_id": by.pk if by else None,
        "approval_notes": "",
        "created_at": at,
        "updated_at": at,
    }
    cursor.execute(_INSERT, list(stored.values()))
    if source.run is not None:
        cursor.execute(_FIGURES, (version.hex, source.run))
    for key, value in described.tags.items():
        cursor.execute(_TAG, (version.hex, key, value))
    trail.note(
        cursor,
        "register",
        ("lifecycle.modelversion", str(version), f"{model.name} {number}"),
        by=by.pk if by else None,
        changes={"number": number},
    )
    return VersionRow(
        pk=version,
        model_id=model.pk,
        model__name=model.name,
        number=number,
        created_at=now,
        updated_at=now,
        stage=ModelStage.EXPERIMENTAL,
        description=described.description,
        source=source.text,
        artifact_path=source.path,
        run__uid=source.run_uid or None,
        run_label=source.run_label,
        run_link=described.run_link,
        logged_model_id=source.model_id or None,
        created_by__username=by.username if by else None,
    )


def _take_number(cursor: CursorWrapper, model: Model, at: Any) -> int:
    """Return the next number that is no version's label either."""
    number = model.next_number
    while True:
        cursor.execute(_TAKEN, (model.pk, str(number)))
        if cursor.fetchone() is None:
            break
        number += 1
    cursor.execute(_TAKE, (number + 1, at, model.pk))
    return number


def _pinned(cursor: CursorWrapper, source: Source) -> str | None:
    """Return the id of the file that is served, where the homes hold any that could."""
    if source.run is None and not source.model_id:
        return None
    wanted = [source.path, *_MARKS]
    homes = [source.run, source.model_id]
    cursor.execute(_FILES, [source.run, *wanted, *wanted, *homes])
    if cursor.fetchone() is None:
        return None
    run = Run.objects.filter(pk=source.run).first() if source.run else None
    model = LoggedModel.objects.filter(pk=source.model_id).first()
    file = servable.pin(run, model, source.path)
    return file.pk.hex if file else None


def _for_update() -> str:
    """Return the clause that holds a row; SQLite's writers wait at BEGIN already."""
    return " FOR UPDATE" if connection.features.has_select_for_update else ""
