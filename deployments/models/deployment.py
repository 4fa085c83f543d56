"""A deployment: one version of a model, asked to serve in one slot."""

from typing import Any, Self

from django.db import transaction
from django.utils import timezone

from deployments.errors import (
    DeploymentInProgress,
    MayNotDeploy,
    NotActive,
    NotRollingOut,
    SlotBusy,
)
from deployments.models.moves import MovingDeployment, Step
from deployments.models.rollback import predecessor
from deployments.models.rule import EnvironmentRule
from deployments.models.slot import Slot
from deployments.plan import Plan, Strategy
from deployments.states import Environment, Mover, Status
from lifecycle.models import ModelVersion
from mlops.core.models import User


class Deployment(MovingDeployment):
    """See `DeploymentRecord` for what its columns mean."""

    class Meta(MovingDeployment.Meta):
        abstract = False

    # What people ask for ----------------------------------------------------------

    @classmethod
    def request(
        cls,
        version: ModelVersion,
        environment: str,
        *,
        by: User | None,
        plan: Plan | None = None,
        notes: str | None = None,
    ) -> Self:
        """Ask for a version to serve in an environment; return the pending deployment.

        Raises Invalid, MayNotDeploy, NotApproved, VersionArchived, or
        DeploymentInProgress when the very same is on its way already.
        """
        place = Environment(environment)
        plan = plan or Plan()
        plan.check()
        _require(by, f"deploy_to_{place}")
        EnvironmentRule.of(place).require(version)
        slot, _ = Slot.objects.get_or_create(model=version.model, environment=place)
        with transaction.atomic():
            Slot.lock(slot.pk)
            cls._refuse_twin(slot, version, plan)
            artifact = version.servable_artifact()
            asked = cls(
                slot=slot,
                model_version=version,
                artifact=artifact,
                artifact_sha256=artifact.sha256 if artifact else "",
                created_by=by,
                notes=notes,
                **_columns(plan),
            )
            asked.enter(Step("deploy", by=by, message=notes or ""))
        return asked

    def roll_back(
        self,
        *,
        by: User | None = None,
        reason: str = "",
        target: "Deployment | None" = None,
        mover: Mover = Mover.USER,
    ) -> "Deployment":
        """Return the slot to the newest earlier version that served there.

        Returns the new deployment of that version, still pending; this one serves
        on until that one is active. What else was on its way to the slot is
        cancelled, and no approval is asked: a rollback is an emergency. Raises
        NotActive, NothingToRollBackTo or DeploymentInProgress; on any of them no
        row has changed.
        """
        _require(by, "roll_back_deployment")
        step = Step("roll_back", mover, by, reason)
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self._require_serving()
            earlier = predecessor(self, target)
            self._clear_the_way(step)
            restored = type(self)(
                slot=self.slot,
                model_version=earlier.model_version,
                artifact=earlier.artifact,
                artifact_sha256=earlier.artifact_sha256,
                created_by=by,
                reason=reason,
                rollback_from=self,
                restores_id=earlier.restores_id or earlier.pk,
                **_columns(earlier.plan) | {"strategy": Strategy().stored()},
            )
            restored.enter(step)
        return restored

    def cancel(self, *, by: User | None, reason: str = "") -> None:
        """Give up what is on its way. Raises IllegalTransition once it serves."""
        _require(by, f"deploy_to_{self.environment}")
        said = f"cancelled by {by or 'a person'}" + (f": {reason}" if reason else "")
        self._fail(Step("cancel", by=by, message=said))

    def terminate(self, *, by: User | None, reason: str = "") -> None:
        """Take what serves out of service, without a successor."""
        _require(by, f"deploy_to_{self.environment}")
        if not self.is_current:
            raise NotActive(
                f"Only an active deployment can be terminated; this is {self.status}.",
                field="status",
            )
        self._move(Status.TERMINATED, Step("terminate", by=by, message=reason))

    def ask_for(self, status: str, *, by: User | None, reason: str = "") -> None:
        """Do what a client's wish for a status stands for.

        `failed` cancels, `rollback` rolls back, `terminated` retires. Raises
        IllegalTransition, naming what could be asked for, for anything else.
        """
        if status not in self.allowed_statuses:
            raise self._illegal(status)
        if status == Status.FAILED:
            self.cancel(by=by, reason=reason)
        elif status == Status.TERMINATED:
            self.terminate(by=by, reason=reason)
        else:
            self.roll_back(by=by, reason=reason)

    def promote(self, *, by: User | None) -> None:
        """Give the canary or shadow all the traffic; the reconciler does it next."""
        self._steer(Step("promote", by=by), is_promoted=True, is_paused=False)

    def pause(self, *, by: User | None) -> None:
        """Hold the rollout at its present share."""
        self._steer(Step("pause", by=by), is_paused=True)

    def resume(self, *, by: User | None) -> None:
        """Go on with the rollout; the present step lasts its full time again."""
        self._steer(Step("resume", by=by), is_paused=False, rollout_at=timezone.now())

    def abort(self, *, by: User | None, reason: str = "") -> None:
        """End the rollout; all traffic stays with the active one."""
        _require(by, f"deploy_to_{self.environment}")
        self._require_rollout()
        said = "the rollout was aborted" + (f": {reason}" if reason else "")
        self._fail(Step("abort", by=by, message=said))

    # What the reconciler does -----------------------------------------------------

    def begin_validating(self) -> None:
        """Start with a pending one.

        Raises SlotBusy, or what `EnvironmentRule.require` raises.
        """
        self._require_gate()
        with transaction.atomic():
            Slot.lock(self.slot_id)
            if self.slot.deployments.started().exclude(pk=self.pk).exists():
                raise SlotBusy(f"Another deployment of {self.slot} is under way.")
            self._move(Status.VALIDATING, _by_reconciler("validate"))

    def begin_deploying(self, message: str = "") -> None:
        """Go on with a validated one; the gate is asked again."""
        self._require_gate()
        self._move(Status.DEPLOYING, _by_reconciler("start", message))

    def begin_rollout(self) -> None:
        """Give a canary its first share, or a shadow its copies."""
        plan = self.rollout
        share = f" with {plan.steps[0]} %" if plan.steps else ""
        step = _by_reconciler("roll_out", f"{plan.kind} begins{share}")
        self._update(step, rollout_at=timezone.now(), rollout_step=0)

    def advance(self) -> None:
        """Give a canary its next share."""
        following = self.rollout_step + 1
        share = self.rollout.steps[following]
        step = _by_reconciler("roll_out", f"canary goes on with {share} %")
        self._update(step, rollout_at=timezone.now(), rollout_step=following)

    def activate(self) -> None:
        """Make this one the slot's active one, and end the one before it.

        Both move in one transaction, so that the slot never has two.
        """
        self._require_gate()
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self._require_legal(Status.ACTIVE, Mover.RECONCILER)
            previous = self.slot.active
            if previous is not None:
                previous.make_way_for(self)
            now = timezone.now()
            step = _by_reconciler("activate")
            self._move(Status.ACTIVE, step, deployed_at=now, is_paused=False)

    def make_way_for(self, successor: "Deployment") -> None:
        """End what served, in the transaction that activates its successor."""
        by, number = successor.created_by, successor.revision
        if successor.rollback_from_id != self.pk:
            said = f"superseded by revision {number}"
            step = Step("make_way", Mover.RECONCILER, by, said)
            self._move(Status.TERMINATED, step, superseded_by=successor)
            return
        because = f": {successor.reason}" if successor.reason else ""
        said = f"undone by revision {number}{because}"
        step = Step("make_way", Mover.RECONCILER, by, said)
        self._move(Status.ROLLBACK, step, superseded_by=successor)
        self.model_version.note_rollback(said, by=by)

    def fail(
        self, message: str, *, mover: Mover = Mover.RECONCILER, by: User | None = None
    ) -> None:
        """End what never came to serve; `message` says why, for people."""
        self._fail(Step("fail", mover, by, message))

    def record_attempt(self) -> int:
        """Count one more try of the present step; return how many that makes."""
        self._swap(attempts=self.attempts + 1)
        return self.attempts

    def record_health(self, health: str, ready_instances: int) -> None:
        """Write what was observed; a change of an active one's health is an event."""
        changed = self.health != health
        if not changed and self.ready_instances == ready_instances:
            return
        with transaction.atomic():
            Slot.lock(self.slot_id)
            rows = type(self).objects.filter(pk=self.pk, status=self.status)
            if not rows.update(health=health, ready_instances=ready_instances):
                return
            self.health, self.ready_instances = health, ready_instances
            if changed and self.is_current:
                self._tell(_by_reconciler("health", f"{health} now"))

    def notice(self, message: str, *, mover: Mover = Mover.RECONCILER) -> None:
        """Append an event that moves nothing, unless it was the last thing said."""
        with transaction.atomic():
            Slot.lock(self.slot_id)
            last = self.events.order_by("-sequence").first()
            if last is None or last.message != message:
                self._tell(Step("notice", mover, message=message))

    # Inside -----------------------------------------------------------------------

    @classmethod
    def _refuse_twin(cls, slot: Slot, version: ModelVersion, plan: Plan) -> None:
        """Raise DeploymentInProgress if the same was asked for and is on its way."""
        for other in slot.deployments.in_progress().filter(model_version=version):
            if other.plan == plan and other.rollback_from_id is None:
                raise _in_progress(other)

    def _clear_the_way(self, step: Step) -> None:
        """Cancel what is on its way to the slot, for a rollback of this one."""
        for other in self.slot.deployments.in_progress():
            if other.rollback_from_id == self.pk:
                raise _in_progress(other)
            said = f"a rollback of revision {self.revision} overtook it"
            other.fail(said, mover=step.mover, by=step.by)

    def _fail(self, step: Step) -> None:
        self._move(Status.FAILED, step, error_message=step.message)

    def _steer(self, step: Step, **changes: Any) -> None:
        _require(step.by, f"deploy_to_{self.environment}")
        self._require_rollout()
        self._update(step, **changes)

    def _require_rollout(self) -> None:
        if not self.is_rolling_out:
            raise NotRollingOut("No canary or shadow of this deployment is under way.")

    def _require_serving(self) -> None:
        """Raise NotActive unless the row, not this object's memory, is active."""
        if not type(self).objects.serving().filter(pk=self.pk).exists():
            raise NotActive(
                "Only the deployment that serves now can be rolled back.",
                field="status",
            )

    def _require_gate(self) -> None:
        """Ask the environment's rule about the version as it is now."""
        if self.restores_id is None:
            version = ModelVersion.objects.get(pk=self.model_version_id)
            EnvironmentRule.of(self.environment).require(version)


def _columns(plan: Plan) -> dict[str, Any]:
    return {
        "instances": plan.instances,
        "instance_type": plan.instance_type,
        "auto_scaling": plan.auto_scaling,
        "min_instances": plan.min_instances,
        "max_instances": plan.max_instances,
        "strategy": plan.strategy.stored(),
    }


def _by_reconciler(action: str, message: str = "") -> Step:
    return Step(action, Mover.RECONCILER, message=message)


def _in_progress(other: Deployment) -> DeploymentInProgress:
    return DeploymentInProgress(
        f"The same deployment is on its way already: {other.pk}.",
        deployment_id=str(other.pk),
    )


def _require(by: User | None, permission: str) -> None:
    """Raise MayNotDeploy unless the caller has a permission; None is the system."""
    if by is not None and not by.has_perm(f"deployments.{permission}"):
        raise MayNotDeploy(f"This needs the permission deployments.{permission}.")
