"""Rollout of a ready deployment: at once, or by steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.reconciler.judging import Judgement, Judging
from deployments.reconciler.slot_traffic import SlotTraffic
from deployments.serving.terms import TargetObservation, TargetRefused
from deployments.states import Rollout
from deployments.targets.base import Target


@dataclass(frozen=True, slots=True)
class RolloutSteps:
    """Takes a rollout one step on; each returns whether anything moved."""

    lease: Lease
    rules: Mapping[str, EnvironmentRule]
    targets: Mapping[str, Target]
    traffic: SlotTraffic
    judging: Judging

    def take(self, deployment: Deployment, seen: TargetObservation) -> bool:
        """Take the next step of what is ready. Raises TargetRefused to stop it."""
        if self._goes_all_at_once(deployment):
            return self._activate(deployment, seen, self._look(deployment, seen))
        if not deployment.is_rolling_out:
            return self._begin(deployment)
        return self._go_on(deployment, seen)

    def _goes_all_at_once(self, deployment: Deployment) -> bool:
        """Whether nothing speaks for a slower way, or somebody has promoted it."""
        kind = deployment.plan.strategy.kind
        if kind == Rollout.ALL_AT_ONCE or deployment.is_promoted:
            return True
        able = self.targets[deployment.environment].capabilities()
        if not (able.mirrors if kind == Rollout.SHADOW else able.splits_traffic):
            raise TargetRefused(f"Where this would run, there is no {kind}.")
        # Beside nothing there is nothing to compare with.
        return not deployment.is_rolling_out and deployment.slot.active is None

    def _activate(
        self, deployment: Deployment, seen: TargetObservation, found: Judgement
    ) -> bool:
        """Activate the deployment once it gets all requests, with its health."""
        deployment.require_gate()
        self.traffic.give_all(deployment)
        with self.lease.held():
            deployment.activate()
            self.judging.record(deployment, found.health, seen, found.reason)
        return True

    def _begin(self, deployment: Deployment) -> bool:
        self.traffic.share(deployment, 0)
        with self.lease.held():
            deployment.rollout.begin()
        return True

    def _go_on(self, deployment: Deployment, seen: TargetObservation) -> bool:
        """Give up a bad canary, else give it its next share when it is time."""
        plan = deployment.plan.strategy
        found = self._look(deployment, seen)
        self.judging.record(deployment, found.health, seen, found.reason)
        if found.against:
            raise TargetRefused(f"The rollout was stopped: {found.against}.")
        if deployment.is_paused or plan.kind == Rollout.SHADOW:
            return False
        began = deployment.rollout_at or timezone.now()
        if timezone.now() - began < timedelta(seconds=plan.seconds_per_step):
            return False
        if deployment.rollout_step + 1 >= len(plan.steps):
            return self._activate(deployment, seen, found)
        self.traffic.share(deployment, deployment.rollout_step + 1)
        with self.lease.held():
            deployment.rollout.advance()
        return True

    def _look(self, deployment: Deployment, seen: TargetObservation) -> Judgement:
        rule = EnvironmentRule.among(self.rules, deployment.environment)
        return self.judging.look(deployment, seen, rule)
