"""One idempotent step of one deployment."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from deployments.errors import (
    DeploymentInProgress,
    LeaseLost,
    NoEarlierDeployment,
    SlotBusy,
    StaleDeployment,
)
from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.reconciler.failures import FailurePolicy
from deployments.reconciler.health import GRACE_S, RunCondition, health_of
from deployments.reconciler.judging import Judging
from deployments.reconciler.memory import Memory
from deployments.reconciler.probation import (
    is_baking,
    recent_figures,
)
from deployments.reconciler.routes import Routing, Sharer
from deployments.reconciler.signature import signature_of
from deployments.reconciler.spec import spec_of
from deployments.serving.terms import (
    Phase,
    Spec,
    TargetObservation,
    TargetRefused,
    TargetTrouble,
    Validation,
)
from deployments.states import Health, Mover, Rollout, Status
from deployments.targets.base import Target
from mlops.core.errors import DomainError

logger = logging.getLogger(__name__)

RESTARTS_S = 300.0


@dataclass(slots=True)
class Steps:
    """Takes steps for the holder of a lease; each returns whether anything moved.

    Rows are written in transactions that count only while the lease is held. What
    a target is told is idempotent and named by the deployment's id, so that a step
    which was cut short is simply taken again.
    """

    lease: Lease
    memory: Memory
    rules: Mapping[str, EnvironmentRule]
    routing: Routing
    targets: Mapping[str, Target]
    failures: FailurePolicy = field(init=False)
    judging: Judging = field(init=False)

    def __post_init__(self) -> None:
        self.failures = FailurePolicy(self.lease, self.memory, self.rules, self.routing)
        self.judging = Judging(self.lease, self.memory)

    def take_all(
        self,
        deployments: Collection[Deployment],
        meanwhile: Callable[[], int] = lambda: 0,
    ) -> int:
        """Take a step of each, and `meanwhile` between them; return how many moved."""
        if not deployments:
            return 0
        self.judging.figures = recent_figures(deployments, self.rules)
        moved = 0
        for deployment in deployments:
            moved += self.take(deployment) + meanwhile()
        self.judging.note_judged(deployments)
        return moved

    def take(self, deployment: Deployment) -> bool:
        """Take the next step, whatever it is; trouble is written into the row.

        An error that nobody foresaw counts as a failed attempt of this row alone; the
        others must not wait for it. Raises LeaseLost, and what means that the
        database is away.
        """
        try:
            return self._take(deployment)
        except (StaleDeployment, SlotBusy):
            # Somebody else moved it; the next pass reads it again.
            self.routing.restore(deployment.slot)
            return False
        except (LeaseLost, OperationalError, InterfaceError):
            raise
        except Exception as error:
            logger.exception("deployment %s: the step broke off", deployment.pk)
            return self.failures.retry(deployment, f"internal error: {error!r}"[:500])

    def _take(self, deployment: Deployment) -> bool:
        steps: dict[str, Callable[[Deployment], bool]] = {
            Status.PENDING: self._start,
            Status.VALIDATING: self._validate,
            Status.DEPLOYING: self._deploy,
            Status.ACTIVE: self._watch,
        }
        try:
            if deployment.ends_as:
                return self._end(deployment)
            self.failures.note_begin(deployment)
            return steps[deployment.status](deployment)
        except (StaleDeployment, SlotBusy):
            raise
        except TargetRefused as refused:
            return self.failures.give_up(deployment, str(refused))
        except DomainError as broken_rule:
            return self.failures.give_up(deployment, broken_rule.message)
        except (TargetTrouble, OSError) as trouble:
            return self.failures.bear(deployment, trouble)

    # The steps --------------------------------------------------------------------

    def _start(self, deployment: Deployment) -> bool:
        newer = deployment.slot.deployments.filter(
            status=Status.PENDING, revision__gt=deployment.revision
        )
        with self.lease.held():
            if (first := newer.order_by("revision").first()) is not None:
                said = f"superseded before it started, by revision {first.revision}"
                deployment.fail(said)
            else:
                lacking = self._target(deployment).capabilities().missing_walls
                deployment.begin_validating("; ".join(lacking))
        self.memory.begin(deployment)
        return True

    def _validate(self, deployment: Deployment) -> bool:
        spec = self._spec(deployment)
        found = self._target(deployment).validate(spec)
        if found is None:
            return self.failures.fail_if_late(deployment, "The model was not validated")
        with self.lease.held():
            deployment.begin_deploying(_described(found), signature_of(found, spec))
        self.memory.begin(deployment)
        return True

    def _deploy(self, deployment: Deployment) -> bool:
        seen = self._brought_up(deployment)
        if seen.phase == Phase.FAILED:
            raise TargetRefused(seen.message or "The model server did not come up.")
        if seen.phase != Phase.READY:
            return self._wait_for(deployment, seen)
        if self._goes_all_at_once(deployment):
            return self._activate(deployment)
        if not deployment.is_rolling_out:
            self._share(deployment, 0)
            with self.lease.held():
                deployment.rollout.begin()
            return True
        return self._roll_out(deployment)

    def _wait_for(self, deployment: Deployment, seen: TargetObservation) -> bool:
        self.judging.record(deployment, Health.DEGRADED, seen)
        self._tell_news(deployment, seen)
        if seen.is_busy:
            self.memory.begin(deployment)
        if not deployment.is_rolling_out:
            late = "The model server did not become ready"
            return self.failures.fail_if_late(deployment, late, seen.message)
        if self.memory.seconds_down(deployment, seen) > GRACE_S:
            raise TargetRefused(
                f"The rollout was stopped: {seen.message or 'it is down'}."
            )
        return False

    def _watch(self, deployment: Deployment) -> bool:
        rule = self._rule(deployment)
        seen = self._brought_up(deployment)
        runs = RunCondition(
            seen,
            self.memory.seconds_down(deployment, seen),
            self.memory.restarted_within(deployment, seen, RESTARTS_S),
        )
        against = self.judging.verdict(deployment, rule)
        health, reason = health_of(
            runs, self.judging.figures_of(deployment), rule, against
        )
        self.judging.record(deployment, health, seen, reason)
        self._tell_news(deployment, seen)
        if not is_baking(deployment, rule):
            return False
        if runs.is_down:
            against = against or reason
        return bool(against) and self._roll_back(deployment, against)

    # Rollouts ---------------------------------------------------------------------

    def _goes_all_at_once(self, deployment: Deployment) -> bool:
        """Whether nothing speaks for a slower way, or somebody has promoted it."""
        kind = deployment.plan.strategy.kind
        if kind == Rollout.ALL_AT_ONCE or deployment.is_promoted:
            return True
        able = self._target(deployment).capabilities()
        if not (able.mirrors if kind == Rollout.SHADOW else able.splits_traffic):
            raise TargetRefused(f"Where this would run, there is no {kind}.")
        # Beside nothing there is nothing to compare with.
        return not deployment.is_rolling_out and deployment.slot.active is None

    def _roll_out(self, deployment: Deployment) -> bool:
        """Give up a bad canary, else give it its next share when it is time."""
        plan, rule = deployment.plan.strategy, self._rule(deployment)
        if reason := self.judging.verdict(deployment, rule):
            raise TargetRefused(f"The rollout was stopped: {reason}.")
        if deployment.is_paused or plan.kind == Rollout.SHADOW:
            return False
        began = deployment.rollout_at or timezone.now()
        if timezone.now() - began < timedelta(seconds=plan.seconds_per_step):
            return False
        if deployment.rollout_step + 1 >= len(plan.steps):
            return self._activate(deployment)
        self._share(deployment, deployment.rollout_step + 1)
        with self.lease.held():
            deployment.rollout.advance()
        return True

    def _activate(self, deployment: Deployment) -> bool:
        """Let it answer everything, and say so when it does."""
        deployment.require_gate()
        self.lease.require()
        self.routing.lead(deployment.slot, Sharer.whole(deployment))
        with self.lease.held():
            deployment.activate()
        return True

    def _share(self, deployment: Deployment, step: int) -> None:
        """Let it have its part at a step of its rollout, beside what serves."""
        self.lease.require()
        active = deployment.slot.active
        self.routing.lead(
            deployment.slot,
            Sharer.whole(active) if active and not active.ends_as else None,
            Sharer.at_step(deployment, step),
        )

    def _end(self, deployment: Deployment) -> bool:
        """Take the requests away, then say that it has ended, as somebody asked."""
        self.lease.require()
        try:
            self.routing.without(deployment)
        except (TargetTrouble, OSError) as trouble:
            with self.lease.held():
                deployment.notice(f"cannot be ended now: {trouble}")
            return False
        with self.lease.held():
            deployment.end_as_asked()
        return True

    def _roll_back(self, deployment: Deployment, reason: str) -> bool:
        """Return to the version before; without one, say so and serve on."""
        try:
            with self.lease.held():
                deployment.roll_back(mover=Mover.SYSTEM, reason=reason)
        except DeploymentInProgress:
            return False
        except NoEarlierDeployment as nothing:
            with self.lease.held():
                said = f"would be rolled back ({reason}), but: {nothing.message}"
                deployment.notice(said, mover=Mover.SYSTEM)
            return False
        return True

    # Inside -----------------------------------------------------------------------

    def _rule(self, deployment: Deployment) -> EnvironmentRule:
        return EnvironmentRule.among(self.rules, deployment.environment)

    def _target(self, deployment: Deployment) -> Target:
        return self.targets[deployment.environment]

    def _spec(self, deployment: Deployment) -> Spec:
        """Return the spec, made once for each state of the row and its rule."""
        rule = self._rule(deployment)
        allowed = (rule.allows_pickle, rule.converts_to_onnx, rule.interpreter)
        state = (deployment.generation, allowed)
        known = self.memory.specs.get(deployment.pk)
        if known is None or known[0] != state:
            known = (state, spec_of(deployment, rule))
            self.memory.specs[deployment.pk] = known
        return known[1]

    def _brought_up(self, deployment: Deployment) -> TargetObservation:
        """Ask the target for what is wanted; return what runs."""
        target = self._target(deployment)
        target.apply(self._spec(deployment))
        return target.observe(str(deployment.pk))

    def _tell_news(self, deployment: Deployment, seen: TargetObservation) -> None:
        if self.memory.is_news(deployment, seen):
            with self.lease.held():
                deployment.notice(seen.message)


def _described(found: Validation) -> str:
    said = [f"validated as {found.platform}"]
    if found.conversion:
        said.append(found.conversion)
    said += [note.rstrip(".") for note in found.notes]
    if found.golden_rows:
        said.append(f"{found.golden_rows} stored answers reproduced")
    if found.latency_p50_ms is not None:
        said.append(f"p50 {found.latency_p50_ms:.3f} ms")
    return ", ".join(said)
