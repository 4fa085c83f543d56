"""Judging of serving deployments; the verdict is written into the row."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from django.utils import timezone

from deployments.judge import verdict
from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.models.figures import Figures
from deployments.reconciler.health import RunCondition, health_of
from deployments.reconciler.pass_memory import Memory, Record
from deployments.reconciler.probation import (
    SETTLED,
    is_on_probation,
    limits_of,
    needs_the_judge,
    record_of,
    refuses_alike,
    signature_before,
    version_before,
    window_of,
)
from deployments.serving.terms import TargetObservation
from deployments.states import Health

RESTARTS_S = 300.0


class Judgement(NamedTuple):
    """Health and its reason, the judge's objection, and whether it is down."""

    health: Health
    reason: str
    against: str
    is_down: bool


@dataclass(slots=True)
class Judging:
    """`figures` are those of the last minutes, by id."""

    lease: Lease
    memory: Memory
    figures: Mapping[uuid.UUID, Figures] = field(default_factory=dict)

    def figures_of(self, deployment: Deployment) -> Figures:
        return self.figures.get(deployment.pk, Figures())

    def look(
        self, deployment: Deployment, seen: TargetObservation, rule: EnvironmentRule
    ) -> Judgement:
        """Return the judgement of a deployment that serves, or is about to."""
        runs = RunCondition(
            seen,
            self.memory.seconds_down(deployment, seen),
            self.memory.restarted_within(deployment, seen, RESTARTS_S),
        )
        against = self.verdict(deployment, rule)
        health, reason = health_of(runs, self.figures_of(deployment), rule, against)
        return Judgement(health, reason, against, runs.is_down)

    def verdict(self, deployment: Deployment, rule: EnvironmentRule) -> str:
        """Return what the judge has against it, "" if nothing."""
        figures = self.figures_of(deployment)
        if not is_on_probation(deployment, rule) and not needs_the_judge(figures, rule):
            return ""
        before, alike, knows = self._record_before(deployment)
        new = window_of(figures, knows_before=knows)
        return verdict(new, before, limits_of(rule), refuses_alike=alike)

    def _record_before(self, deployment: Deployment) -> Record:
        """Return what the version before did; once it is past, it is remembered."""
        if (known := self.memory.records.get(deployment.pk)) is not None:
            return known
        before = version_before(deployment)
        if before is None:
            found: Record = (None, False, False)
        else:
            window = window_of(record_of(before, deployment))
            alike = refuses_alike(deployment, before)
            found = (window, alike, signature_before(deployment) is not None)
        flip = deployment.deployed_at
        if flip is not None and timezone.now() - flip > SETTLED:
            self.memory.records[deployment.pk] = found
        return found

    def record(
        self,
        deployment: Deployment,
        health: Health,
        seen: TargetObservation,
        reason: str = "",
    ) -> None:
        """Write what is new; another figure in a reason only now and then."""
        ready = seen.ready_instances
        changed = (deployment.health, deployment.ready_instances) != (health, ready)
        is_due = self.memory.is_judgement_due(deployment)
        if changed or (is_due and reason != deployment.health_reason):
            with self.lease.held():
                deployment.record_health(health, ready, reason)
            self.memory.note_judged([deployment])

    def note_judged(self, deployments: Collection[Deployment]) -> None:
        """Write `judged_at` of all of them, in one statement."""
        due = [one for one in deployments if self.memory.is_judgement_due(one)]
        if due:
            with self.lease.held():
                ids = (one.pk for one in due)
                Deployment.objects.note_judged(ids, timezone.now())
            self.memory.note_judged(due)
