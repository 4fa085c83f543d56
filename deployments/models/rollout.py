"""A canary or shadow under way: what steers it and which share it has."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from deployments.errors import NotRollingOut
from deployments.models.moves import Step
from deployments.states import Mover, Rollout, Status
from deployments.wake import wait_on_commit
from mlops.core.models import User

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment


@dataclass(frozen=True, slots=True)
class RolloutControl:
    """Steers one deployment's rollout; its columns are the deployment's."""

    row: "Deployment"

    # What people ask for ----------------------------------------------------------

    def promote(self, *, by: User | None, reason: str = "") -> None:
        """Request all traffic for the canary or shadow; the reconciler does it next."""
        step = Step("promote", by=by, message=_why("is to be promoted", reason))
        self._steer(step, is_promoted=True, is_paused=False)

    def pause(self, *, by: User | None, reason: str = "") -> None:
        """Hold the rollout at its present share."""
        message = _why(f"is paused{self._at_its_share}", reason)
        step = Step("pause", by=by, message=message)
        self._steer(step, is_paused=True)

    def resume(self, *, by: User | None, reason: str = "") -> None:
        """Go on with the rollout; the present step lasts its full time again."""
        message = _why(f"goes on{self._at_its_share}", reason)
        step = Step("resume", by=by, message=message)
        self._steer(step, is_paused=False, rollout_at=timezone.now())

    def abort(self, *, by: User | None, reason: str = "") -> None:
        """Request the end of the rollout; first, all traffic goes to the active one."""
        self.row.require_deployer(by)
        self._require_under_way()
        message = _why("the rollout was aborted", reason)
        self.row.moves.end(Status.FAILED, Step("abort", by=by, message=message))
        wait_on_commit()

    # What the reconciler does -----------------------------------------------------

    def begin(self) -> None:
        """Give a canary its first share, or a shadow its copies."""
        plan = self.row.plan.strategy
        share = f" with {plan.steps[0]} %" if plan.steps else ""
        self._go_to(0, f"{plan.kind} begins{share}")

    def advance(self) -> None:
        """Give a canary its next share."""
        following = self.row.rollout_step + 1
        share = self.row.plan.strategy.steps[following]
        self._go_to(following, f"canary goes on with {share} %")

    def note_end(self) -> None:
        """Record the end of the active deployment at its canary and shadows."""
        ended = self.row
        for other in ended.slot.deployments.rolling_out():
            share = other.traffic_percent
            gets = f"it gets {share} % of the requests" if share else "nothing answers"
            other.notice(f"revision {ended.revision} is {ended.status}: {gets}")

    # Reads ------------------------------------------------------------------------

    @property
    def canary_percent(self) -> int:
        """The share that the present step of a canary asks for; 0 of a shadow."""
        row = self.row
        steps = row.plan.strategy.steps
        return steps[row.rollout_step] if row.is_rolling_out and steps else 0

    @property
    def activation(self) -> Step:
        """The step to active; it says where a canary or shadow got all at once."""
        kind, row = self.row.plan.strategy.kind, self.row
        if kind == Rollout.ALL_AT_ONCE or row.is_promoted or row.is_rolling_out:
            return Step.of_reconciler("activate")
        message = f"nothing served before it, so it gets all requests: no {kind}"
        return Step.of_reconciler("activate", message)

    # Inside -----------------------------------------------------------------------

    @property
    def _at_its_share(self) -> str:
        """Its share in words, "" of a shadow."""
        share = self.row.traffic_percent
        return f" at {share} %" if share else ""

    def _go_to(self, number: int, message: str) -> None:
        step = Step("roll_out", Mover.RECONCILER, message=message)
        changes = {"rollout_at": timezone.now(), "rollout_step": number}
        self.row.moves.update(step, **changes)

    def _steer(self, step: Step, **changes: Any) -> None:
        self.row.require_deployer(step.by)
        self._require_under_way()
        self.row.moves.update(step, **changes)

    def _require_under_way(self) -> None:
        if not self.row.is_rolling_out or self.row.ends_as:
            raise NotRollingOut("No canary or shadow of this deployment is under way.")


def _why(message: str, reason: str) -> str:
    return f"{message}: {reason}" if reason else message
