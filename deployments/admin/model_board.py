"""What the page of a model shows: where it serves, its versions, their history."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from deployments.models import Deployment
from deployments.models.watch import Watch
from deployments.states import Environment, Health, Status
from lifecycle.models import AliasChange, ModelVersion, RegisteredModel, StageChange
from lifecycle.states import ChecklistStatus, ModelStage

SHOWN_VERSIONS = 40
SHOWN_METRICS = 10
SHOWN_HISTORY = 40
STAGE_OF = {
    Environment.PRODUCTION: ModelStage.PRODUCTION,
    Environment.STAGING: ModelStage.STAGING,
}


@dataclass(frozen=True, slots=True)
class Place:
    """An environment: what serves there, what is on its way, what does not agree."""

    environment: Environment
    serving: Deployment | None
    health: Health | None
    coming: Sequence[Deployment]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Line:
    """A version in the table: where it serves, and its figures in the table's order."""

    version: ModelVersion
    aliases: Sequence[str]
    places: Sequence[str]
    passed: int
    checks: int
    figures: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Versions:
    """The newest versions side by side; `count` is of all of them."""

    metrics: Sequence[str]
    lines: Sequence[Line]
    count: int


@dataclass(frozen=True, slots=True, order=True)
class HistoryEntry:
    """Something that happened to the model or one of its versions."""

    at: datetime
    version: str = field(compare=False)
    text: str = field(compare=False)
    by: str = field(compare=False)
    reason: str = field(compare=False)


def places(model: RegisteredModel) -> list[Place]:
    """Return the three environments, production first, each with its one truth."""
    rows = Deployment.objects.open().filter(slot__model=model).detailed()
    by_place = defaultdict[str, list[Deployment]](list)
    for deployment in rows.order_by("-revision"):
        by_place[deployment.slot.environment].append(deployment)
    staged = defaultdict[str, list[ModelVersion]](list)
    in_stage = model.versions.filter(stage__in=STAGE_OF.values())
    for version in in_stage.order_by("-number")[:SHOWN_VERSIONS]:
        staged[version.stage].append(version)
    watch = Watch.read()
    order = (Environment.PRODUCTION, Environment.STAGING, Environment.DEVELOPMENT)
    return [_place(one, by_place[one], staged, watch) for one in order]


def _place(
    environment: Environment,
    deployments: Sequence[Deployment],
    staged: Mapping[str, Sequence[ModelVersion]],
    watch: Watch,
) -> Place:
    active = [one for one in deployments if one.status == Status.ACTIVE]
    serving = active[0] if active else None
    stage = STAGE_OF.get(environment)
    return Place(
        environment,
        serving,
        watch.health_of(serving) if serving else None,
        [one for one in deployments if one.status != Status.ACTIVE],
        list(_differences(serving, stage, staged[stage])) if stage else [],
    )


def _differences(
    serving: Deployment | None, stage: ModelStage, staged: Sequence[ModelVersion]
) -> Iterable[str]:
    """Yield where stage and deployment say different things."""
    if serving and serving.model_version.stage != stage:
        yield _("%(version)s serves here, and its stage is %(stage)s.") % {
            "version": serving.model_version.version,
            "stage": serving.model_version.get_stage_display(),
        }
    for version in staged:
        if not serving or serving.model_version_id != version.pk:
            yield _("%(version)s is in stage %(stage)s, and does not serve here.") % {
                "version": version.version,
                "stage": version.get_stage_display(),
            }


def versions(model: RegisteredModel) -> Versions:
    """Return the newest versions with their metrics, the commonest ones first."""
    rows = model.versions.select_related("created_by", "approved_by", "run", "model")
    parts = rows.prefetch_related("checklist", "metrics", "aliases")
    shown = list(parts.order_by("-number")[:SHOWN_VERSIONS])
    names = Counter(one.name for row in shown for one in row.metrics.all())
    metrics = [name for name, _ in names.most_common(SHOWN_METRICS)]
    serving = _serving(shown)
    lines = [_line(row, metrics, serving[row.pk]) for row in shown]
    return Versions(metrics, lines, model.versions.count())


def _serving(shown: Sequence[ModelVersion]) -> Mapping[UUID, list[str]]:
    routed = Deployment.objects.with_traffic().filter(model_version__in=shown)
    found = defaultdict[UUID, list[str]](list)
    for deployment in routed.select_related("slot"):
        found[deployment.model_version_id].append(
            str(deployment.slot.get_environment_display())
        )
    return found


def _line(version: ModelVersion, metrics: Sequence[str], places: Sequence[str]) -> Line:
    checks = list(version.checklist.all())
    figures = {one.name: one.value for one in version.metrics.all()}
    return Line(
        version,
        [one.alias for one in version.aliases.all()],
        sorted(set(places)),
        sum(one.status == ChecklistStatus.PASSED for one in checks),
        len(checks),
        [figures.get(name) for name in metrics],
    )


def history(model: RegisteredModel) -> list[HistoryEntry]:
    """Return moves between stages, of aliases, and approvals: the newest first."""
    stages = StageChange.objects.filter(version__model=model)
    aliases = AliasChange.objects.filter(model=model).select_related("changed_by")
    approved = model.versions.exclude(approved_at=None).select_related("approved_by")
    steps = [
        *map(
            _stage_step, stages.select_related("version", "changed_by")[:SHOWN_HISTORY]
        ),
        *map(_alias_step, aliases[:SHOWN_HISTORY]),
        *map(_approval_step, approved.order_by("-approved_at")[:SHOWN_HISTORY]),
    ]
    return sorted(steps, reverse=True)[:SHOWN_HISTORY]


def _stage_step(change: StageChange) -> HistoryEntry:
    text = f"{change.get_from_stage_display()} → {change.get_to_stage_display()}"
    by = _name(change.changed_by)
    return HistoryEntry(
        change.changed_at, change.version.version, text, by, change.reason
    )


def _alias_step(change: AliasChange) -> HistoryEntry:
    before, after = (
        "—" if number is None else f"#{number}"
        for number in (change.from_number, change.to_number)
    )
    text = _("alias %(alias)s: %(before)s → %(after)s") % {
        "alias": change.alias,
        "before": before,
        "after": after,
    }
    return HistoryEntry(change.changed_at, "", text, _name(change.changed_by), "")


def _approval_step(version: ModelVersion) -> HistoryEntry:
    at = version.approved_at or version.updated_at
    by, notes = _name(version.approved_by), version.approval_notes
    return HistoryEntry(at, version.version, _("approved"), by, notes)


def _name(person: Any) -> str:
    return str(person) if person else ""
