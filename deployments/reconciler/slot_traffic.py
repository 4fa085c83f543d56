"""Gives a slot's requests to its deployments, and takes them away."""

from dataclasses import dataclass

from deployments.models import Deployment, Lease
from deployments.reconciler.routes import Routing, Sharer
from deployments.serving.terms import TargetTrouble


@dataclass(frozen=True, slots=True)
class SlotTraffic:
    """Each comes back when it has taken effect: a word may follow.

    Raises LeaseLost before anything is told, and where nothing else is said
    TargetTrouble or OSError.
    """

    lease: Lease
    routing: Routing

    def give_all(self, deployment: Deployment) -> None:
        """Let it answer everything."""
        self.lease.require()
        self.routing.lead(deployment.slot, Sharer.whole(deployment))

    def share(self, deployment: Deployment, step: int) -> None:
        """Let it have its part at a step of its rollout, beside what serves."""
        self.lease.require()
        active = deployment.slot.active
        self.routing.lead(
            deployment.slot,
            Sharer.whole(active) if active and not active.ends_as else None,
            Sharer.at_step(deployment, step),
        )

    def withdraw(self, deployment: Deployment, otherwise: str) -> bool:
        """Let it answer nothing more; False where that cannot be had now.

        Its events have `otherwise` then, and what the trouble was.
        """
        self.lease.require()
        try:
            self.routing.without(deployment)
        except (TargetTrouble, OSError) as trouble:
            with self.lease.held():
                deployment.notice(f"{otherwise}: {trouble}")
            return False
        return True
