"""Stages and aliases of a model at a point in time, and who set them.

Read from the changes that were recorded, so that "which version was in production on
day X" has an answer that names a person. A deleted version takes its changes with it;
the audit trail keeps them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lifecycle.models import AliasChange, ModelVersion, RegisteredModel, StageChange
from lifecycle.states import ModelStage

MAX_CHANGES = 500


@dataclass(frozen=True, slots=True)
class PastAssignment:
    """A version's assignment to a stage or an alias, since a moment."""

    version: str
    number: int
    to: str
    since: datetime
    changed_by: str | None


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """One recorded move. A stage moves a version, an alias moves between versions."""

    kind: Literal["stage", "alias"]
    name: str
    before: str | None
    after: str | None
    reason: str
    changed_by: str | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class RegistrySnapshot:
    model: RegisteredModel
    at: datetime
    stages: list[PastAssignment]
    aliases: list[PastAssignment]
    changes: list[RegistryChange]


def snapshot(model: RegisteredModel, at: datetime) -> RegistrySnapshot:
    """Return the model's stages and aliases at `at`, and the changes up to then."""
    versions = list(
        ModelVersion.objects.filter(model=model, created_at__lte=at)
        .select_related("created_by")
        .order_by("number")
    )
    moves = list(
        StageChange.objects.filter(version__model=model, changed_at__lte=at)
        .select_related("version", "changed_by")
        .order_by("pk")
    )
    turns = list(
        AliasChange.objects.filter(model=model, changed_at__lte=at)
        .select_related("changed_by")
        .order_by("pk")
    )
    changes = sorted(
        [*map(_of_stage, moves), *map(_of_alias, turns)],
        key=lambda change: change.changed_at,
        reverse=True,
    )
    return RegistrySnapshot(
        model=model,
        at=at,
        stages=list(_stages(versions, moves)),
        aliases=list(_aliases(versions, turns)),
        changes=changes[:MAX_CHANGES],
    )


def _stages(
    versions: Iterable[ModelVersion], moves: Iterable[StageChange]
) -> Iterator[PastAssignment]:
    last = {move.version_id: move for move in moves}
    for version in versions:
        move = last.get(version.pk)
        yield PastAssignment(
            version=version.version,
            number=version.number,
            to=move.to_stage if move else ModelStage.EXPERIMENTAL,
            since=move.changed_at if move else version.created_at,
            changed_by=_name(move.changed_by if move else version.created_by),
        )


def _aliases(
    versions: Iterable[ModelVersion], turns: Iterable[AliasChange]
) -> Iterator[PastAssignment]:
    labels = {version.number: version.version for version in versions}
    last = {turn.alias: turn for turn in turns}
    for alias, turn in sorted(last.items()):
        if turn.to_number is not None:
            yield PastAssignment(
                version=labels.get(turn.to_number, str(turn.to_number)),
                number=turn.to_number,
                to=alias,
                since=turn.changed_at,
                changed_by=_name(turn.changed_by),
            )


def _of_stage(move: StageChange) -> RegistryChange:
    return RegistryChange(
        kind="stage",
        name=move.version.version,
        before=move.from_stage,
        after=move.to_stage,
        reason=move.reason,
        changed_by=_name(move.changed_by),
        changed_at=move.changed_at,
    )


def _of_alias(turn: AliasChange) -> RegistryChange:
    return RegistryChange(
        kind="alias",
        name=turn.alias,
        before=None if turn.from_number is None else str(turn.from_number),
        after=None if turn.to_number is None else str(turn.to_number),
        reason="",
        changed_by=_name(turn.changed_by),
        changed_at=turn.changed_at,
    )


def _name(user: object) -> str | None:
    return str(user) if user else None
