"""Gives a slot's requests to its deployments, and takes them away."""

from dataclasses import dataclass

from deployments.models import Deployment, Lease
from deployments.reconciler.routes import RoutedDeployment, Routing
from deployments.serving.terms import TransientTargetError


@dataclass(frozen=True, slots=True)
class SlotTraffic:
    """Each comes back when it has taken effect: a word may follow.

    Raises LeaseLost before anything is told, and where nothing else is said
    TransientTargetError or OSError.
    """

    lease: Lease
    routing: Routing

    def give_all(self, deployment: Deployment) -> None:
        """Route all requests of the slot to the deployment."""
        self.lease.require()
        self.routing.lead(deployment.slot, RoutedDeployment.whole(deployment))

    def share(self, deployment: Deployment, step: int) -> None:
        """Route the share of its rollout step to the deployment."""
        self.lease.require()
        active = deployment.slot.active
        self.routing.lead(
            deployment.slot,
            RoutedDeployment.whole(active) if active and not active.ends_as else None,
            RoutedDeployment.at_step(deployment, step),
        )

    def withdraw(self, deployment: Deployment, otherwise: str) -> bool:
        """Route no request to the deployment; False if that cannot be had now.

        Its event then has `otherwise` and the error.
        """
        self.lease.require()
        try:
            self.routing.without(deployment)
        except (TransientTargetError, OSError) as error:
            with self.lease.held():
                deployment.notice(f"{otherwise}: {error}")
            return False
        return True
