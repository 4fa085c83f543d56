"""Aliases: names that point to one version of a model at a time.

Whoever sets or drops one holds the model.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from lifecycle.store import registered_models, sql
from lifecycle.store.recording import Recording
from lifecycle.store.registered_models import LockedModel
from mlops.core.errors import Invalid

MAX_ALIAS: Final = 255
_CHARACTERS: Final = re.compile(r"[\w\-]+")
_VERSION_LIKE: Final = re.compile(r"[vV]\d+")

_FIND = """
    SELECT v.number FROM lifecycle_modelalias a
    JOIN lifecycle_modelversion v ON v.id = a.version_id
    WHERE a.model_id = %s AND a.alias = %s
"""
_OF_VERSION = """
    SELECT alias FROM lifecycle_modelalias WHERE model_id = %s AND version_id = %s
    ORDER BY alias
"""
_SET = """
    INSERT INTO lifecycle_modelalias (model_id, alias, version_id) VALUES (%s, %s, %s)
    ON CONFLICT (model_id, alias) DO UPDATE SET version_id = excluded.version_id
"""
_DROP = "DELETE FROM lifecycle_modelalias WHERE model_id = %s AND alias = %s"
_CHANGE = """
    INSERT INTO lifecycle_aliaschange (model_id, alias, from_number, to_number,
        changed_by_id, changed_at)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class PastAliasChange:
    """An alias that was set, moved or removed: who, when, between which versions."""

    alias: str
    before: int | None
    after: int | None
    at: datetime
    by: int | None = None


def point(
    cursor: CursorWrapper,
    model: LockedModel,
    alias: str,
    version: tuple[str, int],
    *,
    by: int | None,
) -> None:
    """Point an alias to a version (id and number), wherever it pointed before.

    Raises Invalid for an alias that could be taken for a version.
    """
    _require_usable(alias)
    pk, number = version
    before = _target(cursor, model, alias)
    if before != number:
        cursor.execute(_SET, (model.pk, alias, pk))
        _note(cursor, model, PastAliasChange(alias, before, number, timezone.now(), by))


def record(history: Recording, model: LockedModel, alias: str, version: str) -> None:
    """Import an alias of a version (by id)."""
    history.cursor.execute(_SET, (model.pk, alias, version))
    history.count("aliases")


def record_change(
    history: Recording, model: LockedModel, turn: PastAliasChange
) -> None:
    """Store a row of an alias's history."""
    _write_change(history.cursor, model, turn)
    history.count("alias changes")


def drop(
    cursor: CursorWrapper, model: LockedModel, alias: str, *, by: int | None
) -> None:
    """Remove the alias; one that is not there is no error."""
    before = _target(cursor, model, alias)
    if before is not None:
        cursor.execute(_DROP, (model.pk, alias))
        _note(cursor, model, PastAliasChange(alias, before, None, timezone.now(), by))


def drop_all_of(
    cursor: CursorWrapper, model: LockedModel, version: str, *, by: int | None
) -> None:
    """Remove every alias of a version, each with its change."""
    cursor.execute(_OF_VERSION, (model.pk, version))
    for (alias,) in cursor.fetchall():
        drop(cursor, model, alias, by=by)


def _target(cursor: CursorWrapper, model: LockedModel, alias: str) -> int | None:
    """Return the number of the version that an alias points to."""
    cursor.execute(_FIND, (model.pk, alias))
    row = cursor.fetchone()
    return row[0] if row else None


def _require_usable(alias: str) -> None:
    """Refuse what a client could take for a version: MLflow's rules, in its words."""
    if not alias:
        fault = "Registered model alias name cannot be empty."
    elif len(alias) > MAX_ALIAS:
        fault = (
            "'registered model alias name' exceeds the maximum length of "
            f"{MAX_ALIAS} characters"
        )
    elif not _CHARACTERS.fullmatch(alias):
        fault = (
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, "
            "underscores (_), and dashes (-)."
        )
    elif alias.lower() == "latest":
        fault = "'latest' alias name (case insensitive) is reserved and cannot be set."
    elif _VERSION_LIKE.fullmatch(alias):
        fault = f"Version alias name '{alias}' is reserved and cannot be set."
    else:
        return
    raise Invalid(fault, field="alias")


def _note(cursor: CursorWrapper, model: LockedModel, turn: PastAliasChange) -> None:
    _write_change(cursor, model, turn)
    registered_models.touch(cursor, model)
    changes = {turn.alias: [turn.before, turn.after]}
    registered_models.note(cursor, "alias", model, by=turn.by, changes=changes)


def _write_change(
    cursor: CursorWrapper, model: LockedModel, turn: PastAliasChange
) -> None:
    ends = (turn.before, turn.after)
    at = sql.moment(turn.at)
    cursor.execute(_CHANGE, (model.pk, turn.alias, *ends, turn.by, at))
