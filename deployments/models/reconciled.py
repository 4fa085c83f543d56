"""What the reconciler does with a deployment: every step that people cannot take."""

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from deployments.errors import SlotBusy
from deployments.models.event import DeploymentEvent
from deployments.models.moves import MovingDeployment, Step
from deployments.models.rule import EnvironmentRule
from deployments.models.slot import Slot
from deployments.states import Mover, Status
from lifecycle.models import ModelVersion
from mlops.core.models import User

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment


class ReconciledDeployment(MovingDeployment):
    """The verbs of the reconciler. The gate is asked again at each step."""

    class Meta(MovingDeployment.Meta):
        abstract = True

    def begin_validating(self, message: str = "") -> None:
        """Start with a pending one; the message says what is not walled off from it.

        Raises SlotBusy, or what `EnvironmentRule.require` raises.
        """
        self.require_gate()
        with transaction.atomic():
            Slot.lock(self.slot_id)
            if self.slot.deployments.started().exclude(pk=self.pk).exists():
                raise SlotBusy(f"Another deployment of {self.slot} is under way.")
            self._move(Status.VALIDATING, _by_reconciler("validate", message))

    def begin_deploying(
        self, message: str = "", signature: dict[str, Any] | None = None
    ) -> None:
        """Go on with a validated one; the gate is asked again."""
        self.require_gate()
        step = _by_reconciler("start", message)
        self._move(Status.DEPLOYING, step, signature=signature or {})

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
        self.require_gate()
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self._require_legal(Status.ACTIVE, Mover.RECONCILER)
            previous = self.slot.active
            if previous is not None:
                previous.make_way_for(self)  # type: ignore[arg-type]  # its one subclass
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

    def end_as_asked(self) -> None:
        """End what was asked to, in the name of who asked; it gets no requests now."""
        by = User.objects.filter(pk=self.ending.get("by")).first()
        step = Step("end", Mover.RECONCILER, by, str(self.ending.get("message", "")))
        if self.ends_as == Status.FAILED:
            self._fail(step)
        else:
            self._move(Status(self.ends_as), step)

    def record_attempt(self) -> int:
        """Count one more try of the present step; return how many that makes."""
        self._swap(attempts=self.attempts + 1)
        return self.attempts

    def record_health(
        self, health: str, ready_instances: int, reason: str = ""
    ) -> None:
        """Write what was observed; a change of an active one's health is an event."""
        changed = self.health != health
        seen = {
            "health": health,
            "health_reason": reason,
            "ready_instances": ready_instances,
            "judged_at": timezone.now(),
        }
        with transaction.atomic():
            Slot.lock(self.slot_id)
            rows = type(self).objects.filter(pk=self.pk, status=self.status)
            if not rows.update(**seen):
                return
            for name, value in seen.items():
                setattr(self, name, value)
            if changed and self.is_current:
                said = f"{health} now: {reason}" if reason else f"{health} now"
                self._tell(_by_reconciler("health", said))

    def note_comparison(self, reading: int, found: dict[str, Any]) -> None:
        """Write what newer rules of reading answered; see `DeploymentRecord`."""
        seen = {"compared_with": reading, "comparison": found}
        type(self).objects.filter(pk=self.pk).update(**seen)
        self.compared_with, self.comparison = reading, found

    def notice(self, message: str, *, mover: Mover = Mover.RECONCILER) -> None:
        """Append an event that moves nothing, unless it was the last thing said."""
        with transaction.atomic():
            Slot.lock(self.slot_id)
            events = DeploymentEvent.objects.filter(deployment=self.pk)
            last = events.order_by("-sequence").first()
            if last is None or last.message != message:
                self._tell(Step("notice", mover, message=message))

    def _fail(self, step: Step) -> None:
        self._move(Status.FAILED, step, error_message=step.message)

    def require_gate(self) -> None:
        """Ask the environment's rule about the version as it is now.

        Raises what `EnvironmentRule.require` raises.
        """
        if self.restores is None:
            version = ModelVersion.objects.get(pk=self.model_version_id)
            EnvironmentRule.of(self.environment).require(version)


def _by_reconciler(action: str, message: str = "") -> Step:
    return Step(action, Mover.RECONCILER, message=message)
