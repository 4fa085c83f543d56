"""The stages of versions, and the approvals and checklists that open them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from datasets.models import DatasetVersion
from lifecycle.errors import (
    AlreadyApproved,
    DataQualityFailed,
    IllegalStageMove,
    OwnApproval,
    VersionNotApproved,
)
from lifecycle.states import STAGE_MOVES, Gate, ModelStage
from lifecycle.store import checklists, registered_models, sql, versions
from lifecycle.store.checklists import NewCheck
from lifecycle.store.recording import Recording
from lifecycle.store.versions import LockedVersion
from mlops.core.errors import Forbidden

MOST_NAMED: Final = 10

_APPROVE = """
    UPDATE lifecycle_modelversion SET approved_by_id = %s, approved_at = %s,
        approval_notes = %s, artifact_id = COALESCE(artifact_id, %s),
        framework = CASE WHEN framework = '' THEN %s ELSE framework END,
        updated_at = %s
    WHERE id = %s
"""
_VOID = """
    UPDATE lifecycle_modelversion SET approved_by_id = NULL, approved_at = NULL,
        updated_at = %s
    WHERE id = %s
"""
_MOVE = """
    UPDATE lifecycle_modelversion SET stage = %s, updated_at = %s WHERE id = %s
"""
_EXPLAIN = """
    UPDATE lifecycle_modelversion SET rollback_notes = %s, updated_at = %s WHERE id = %s
"""
_CHANGE = """
    INSERT INTO lifecycle_stagechange (version_id, from_stage, to_stage, reason,
        changed_by_id, changed_at)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class PastStageChange:
    """A move between stages as it was: who, when and why."""

    before: ModelStage
    after: ModelStage
    at: datetime
    by: int | None = None
    reason: str = ""


def record(history: Recording, version: UUID, change: PastStageChange) -> None:
    """Store a row of a version's history; its stage is recorded with the version."""
    _write_change(history.cursor, version.hex, change)
    history.count("stage changes")


@dataclass(frozen=True, slots=True)
class ServedFile:
    """The file that is served, None if there is none, and what it was made with."""

    artifact: UUID | None
    framework: str = ""


def approve(
    cursor: CursorWrapper,
    version: LockedVersion,
    *,
    served: ServedFile,
    by: int | None,
    notes: str = "",
) -> None:
    """Approve the version as it is; artifact and framework are fixed if none were.

    The same approver again changes nothing. Raises OwnApproval for the author,
    AlreadyApproved, ChecklistNotPassed, DataQualityFailed, IllegalStageMove for an
    archived one, Forbidden without a signed-in person.
    """
    if version.approved_at is not None and version.approved_by == by:
        return
    _require_approver(version, by)
    checklists.require_passed(cursor, version.key, str(version))
    require_sound_data(version.runs, str(version))
    at = sql.now()
    file = served.artifact.hex if served.artifact else None
    cursor.execute(_APPROVE, (by, at, notes, file, served.framework, at, version.key))
    versions.note(cursor, "approve", version, by=by, changes={"notes": notes})


def move(
    cursor: CursorWrapper,
    version: LockedVersion,
    stage: ModelStage,
    *,
    by: int | None,
    reason: str = "",
) -> None:
    """Move to another stage, with a row of history; the same stage is no move.

    Leaving production keeps the reason as `rollback_notes`. Raises IllegalStageMove,
    ChecklistNotPassed, VersionNotApproved or DataQualityFailed.
    """
    before = version.stage
    if before == stage:
        return
    gates = STAGE_MOVES.get((before, stage))
    if gates is None:
        raise IllegalStageMove(
            f"A version in {before} cannot move to {stage}.", field="stage"
        )
    for gate in gates:
        _require(cursor, version, gate, stage)
    at = sql.now()
    cursor.execute(_MOVE, (str(stage), at, version.key))
    if before == ModelStage.PRODUCTION:
        cursor.execute(_EXPLAIN, (reason or None, at, version.key))
    change = PastStageChange(before, stage, timezone.now(), by, reason)
    _write_change(cursor, version.key, change)
    registered_models.touch(cursor, version.model)
    changes = {"stage": [str(before), str(stage)], "reason": reason}
    versions.note(cursor, "move_to_stage", version, by=by, changes=changes)


def set_checklist(
    cursor: CursorWrapper,
    version: LockedVersion,
    checks: Sequence[NewCheck],
    *,
    by: int | None,
) -> None:
    """Replace the checklist. An item keeps the time when it was passed.

    An approval covers the checklist that the approver saw; another item or
    another status voids it, a note does not.
    """
    before = checklists.statuses(cursor, version.key)
    checklists.write(cursor, version.key, checks)
    after = checklists.statuses(cursor, version.key)
    if before == after:
        return
    changes: dict[str, object] = {"checklist": [before, after]}
    if version.approved_at is not None:
        changes["approved_by"] = [version.approver, None]
        cursor.execute(_VOID, (sql.now(), version.key))
    versions.note(cursor, "set_checklist", version, by=by, changes=changes)


def note_rollback(
    cursor: CursorWrapper, version: LockedVersion, text: str, *, by: int | None
) -> None:
    """Keep why the version was taken out of service."""
    cursor.execute(_EXPLAIN, (text, sql.now(), version.key))
    versions.note(cursor, "note_rollback", version, by=by, changes={"notes": text})


def require_sound_data(runs: Sequence[int], named: str) -> None:
    """Raise DataQualityFailed if a dataset that one of the runs read failed its rules.

    Runs name what they read; data that no dataset of the catalogue holds is not
    judged, nor is a version whose rules only warn or were never run.
    """
    failed = DatasetVersion.objects.behind(runs).failing()
    if found := list(failed.select_related("dataset")[:MOST_NAMED]):
        listed = ", ".join(str(one) for one in found)
        raise DataQualityFailed(
            f"{named} was trained on data that failed its quality rules: {listed}.",
            field="approved_by",
            dataset_versions=[str(one.pk) for one in found],
        )


def _write_change(cursor: CursorWrapper, version: str, change: PastStageChange) -> None:
    cursor.execute(
        _CHANGE,
        (
            version,
            str(change.before),
            str(change.after),
            change.reason,
            change.by,
            sql.moment(change.at),
        ),
    )


def _require(
    cursor: CursorWrapper, version: LockedVersion, gate: Gate, stage: ModelStage
) -> None:
    """Raise what keeps the version from passing a gate on its way to a stage."""
    match gate:
        case Gate.CHECKLIST:
            checklists.require_passed(cursor, version.key, str(version))
        case Gate.APPROVAL:
            if version.approved_at is None:
                raise VersionNotApproved(
                    f"{version} must be approved before it moves to {stage}.",
                    field="stage",
                )
        case Gate.SOUND_DATA:
            require_sound_data(version.runs, str(version))


def _require_approver(version: LockedVersion, by: int | None) -> None:
    """Raise what keeps this user from approving the version."""
    if by is None:
        raise Forbidden("An approval needs a signed-in person.")
    if version.created_by == by:
        raise OwnApproval(
            "Whoever made a version cannot approve it.", field="approved_by"
        )
    if version.approved_at is not None:
        raise AlreadyApproved(
            f"{version.approver} approved this version already.", field="approved_by"
        )
    if version.stage == ModelStage.ARCHIVED:
        raise IllegalStageMove(
            "An archived version cannot be approved.", field="approved_by"
        )
