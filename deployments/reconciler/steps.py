"""One idempotent step of one deployment."""

import logging
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from django.db import InterfaceError, OperationalError

from deployments.errors import (
    DeploymentInProgress,
    LeaseLost,
    NoEarlierDeployment,
    SlotBusy,
    StaleDeployment,
)
from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.reconciler.failures import FailurePolicy
from deployments.reconciler.health import GRACE_S
from deployments.reconciler.judging import Judging
from deployments.reconciler.pass_memory import Memory
from deployments.reconciler.probation import (
    is_baking,
    recent_figures,
)
from deployments.reconciler.rollouts import RolloutSteps
from deployments.reconciler.routes import Routing
from deployments.reconciler.signature import signature_of
from deployments.reconciler.slot_traffic import SlotTraffic
from deployments.reconciler.spec import spec_of
from deployments.serving.terms import (
    Phase,
    Spec,
    TargetObservation,
    TargetRefused,
    TransientTargetError,
    Validation,
)
from deployments.states import Health, Mover, Status
from deployments.targets.base import Target
from mlops.core.errors import DomainError

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Steps:
    """Takes steps for the holder of a lease; each returns whether anything moved.

    Rows are written in transactions that count only while the lease is held. What
    a target is told is idempotent and named by the deployment's id, so that a step
    which was cut short is simply taken again. What is among the `judged`, which others
    look at in the same pass, is left to them.
    """

    lease: Lease
    memory: Memory
    rules: Mapping[str, EnvironmentRule]
    routing: Routing
    targets: Mapping[str, Target]
    judged: set[uuid.UUID] = field(default_factory=set)
    traffic: SlotTraffic = field(init=False)
    failures: FailurePolicy = field(init=False)
    judging: Judging = field(init=False)
    rollouts: RolloutSteps = field(init=False)

    def __post_init__(self) -> None:
        self.traffic = SlotTraffic(self.lease, self.routing)
        self.failures = FailurePolicy(self.lease, self.memory, self.rules, self.traffic)
        self.judging = Judging(self.lease, self.memory)
        self.rollouts = RolloutSteps(
            self.lease, self.rules, self.targets, self.traffic, self.judging
        )

    def take_all(
        self,
        deployments: Collection[Deployment],
        meanwhile: Callable[[], int] = lambda: 0,
    ) -> int:
        """Take a step of each, and `meanwhile` between them; return how many moved."""
        deployments = [one for one in deployments if one.pk not in self.judged]
        if not deployments:
            return 0
        self.judging.figures = recent_figures(deployments, self.rules)
        moved = 0
        for deployment in deployments:
            if deployment.pk not in self.judged:
                moved += self.take(deployment)
            moved += meanwhile()
        self.judging.note_judged(deployments)
        return moved

    def take(self, deployment: Deployment) -> bool:
        """Take the next step, whatever it is; errors are written into the row.

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
        except (TransientTargetError, OSError) as error:
            return self.failures.handle(deployment, error)

    # The steps --------------------------------------------------------------------

    def _start(self, deployment: Deployment) -> bool:
        newer = deployment.slot.deployments.filter(
            status=Status.PENDING, revision__gt=deployment.revision
        )
        with self.lease.held():
            if (first := newer.order_by("revision").first()) is not None:
                message = f"superseded before it started, by revision {first.revision}"
                deployment.fail(message)
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
        return self.rollouts.take(deployment, seen)

    def _wait_for(self, deployment: Deployment, seen: TargetObservation) -> bool:
        health, reason = Health.DEGRADED, ""
        if deployment.is_rolling_out:
            health, reason, *_ = self.judging.look(
                deployment, seen, self._rule(deployment)
            )
        self.judging.record(deployment, health, seen, reason)
        self._note_changes(deployment, seen)
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
        found = self.judging.look(deployment, seen, rule)
        self.judging.record(deployment, found.health, seen, found.reason)
        self._note_changes(deployment, seen)
        if not is_baking(deployment, rule):
            return False
        against = found.against or (found.reason if found.is_down else "")
        return bool(against) and self._roll_back(deployment, against)

    def _end(self, deployment: Deployment) -> bool:
        """Withdraw its traffic, then end the deployment as requested."""
        if not self.traffic.withdraw(deployment, "cannot be ended now"):
            return False
        with self.lease.held():
            deployment.end_as_requested()
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
                message = f"would be rolled back ({reason}), but: {nothing.message}"
                deployment.notice(message, mover=Mover.SYSTEM)
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
        """Bring up the spec at the target; return what runs."""
        target = self._target(deployment)
        target.apply(self._spec(deployment))
        return target.observe(str(deployment.pk))

    def _note_changes(self, deployment: Deployment, seen: TargetObservation) -> None:
        if self.memory.has_changed(deployment, seen):
            with self.lease.held():
                deployment.notice(seen.message)


def _described(found: Validation) -> str:
    parts = [f"validated as {found.platform}"]
    if found.conversion:
        parts.append(found.conversion)
    parts += [note.rstrip(".") for note in found.notes]
    if found.golden_rows:
        parts.append(f"{found.golden_rows} stored answers reproduced")
    if found.latency_p50_ms is not None:
        parts.append(f"p50 {found.latency_p50_ms:.3f} ms")
    return ", ".join(parts)
