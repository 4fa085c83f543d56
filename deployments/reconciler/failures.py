"""The failure policy of a reconcile step: wait, retry or fail the deployment."""

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.reconciler.pass_memory import Memory
from deployments.reconciler.slot_traffic import SlotTraffic
from deployments.reconciler.transient_errors import capacity_message
from deployments.serving.terms import TargetBusy, TargetRefused, TransientTargetError
from deployments.states import STARTED, Health

MAX_ATTEMPTS = 3


@dataclass(slots=True)
class FailurePolicy:
    """Writes errors into rows, in transactions that count while the lease is held."""

    lease: Lease
    memory: Memory
    rules: Mapping[str, EnvironmentRule]
    traffic: SlotTraffic

    def note_begin(self, deployment: Deployment) -> None:
        """Count an attempt when the step was begun by another reconciler.

        A deployment that takes the reconciler down with it is so given up at last.
        """
        if self.memory.has_begun(deployment):
            return
        if deployment.status in STARTED and not deployment.is_rolling_out:
            with self.lease.held():
                tries = deployment.record_attempt()
            if tries > MAX_ATTEMPTS:
                raise TargetRefused(f"It was given up after {MAX_ATTEMPTS} attempts.")
        self.memory.begin(deployment)

    def fail_if_late(
        self, deployment: Deployment, what: str, because: str = ""
    ) -> bool:
        if self._is_late(deployment):
            limit = EnvironmentRule.among(
                self.rules, deployment.environment
            ).progress_deadline_s
            raise TargetRefused(f"{what} within {limit} s. {because}".rstrip())
        return False

    def _is_late(self, deployment: Deployment) -> bool:
        limit = EnvironmentRule.among(
            self.rules, deployment.environment
        ).progress_deadline_s
        return self.memory.seconds_in_step(deployment) > limit

    def handle(
        self, deployment: Deployment, error: TransientTargetError | OSError
    ) -> bool:
        """Wait for CPU or capacity; retry anything else, up to the limit."""
        if isinstance(error, TargetBusy):
            return self._wait_for_cpu(deployment, str(error))
        if message := capacity_message(error):
            return self._wait_for_capacity(deployment, message)
        return self.retry(deployment, str(error))

    def _wait_for_capacity(self, deployment: Deployment, message: str) -> bool:
        """Note the reason and wait. Only the deadline ends this, not retries."""
        if not deployment.is_current and self._is_late(deployment):
            return self.give_up(deployment, f"It has waited too long. {message}")
        with self.lease.held():
            deployment.notice(message)
        return False

    def _wait_for_cpu(self, deployment: Deployment, message: str) -> bool:
        """Note the reason and wait. The wait does not count against the deadline."""
        self.memory.begin(deployment)
        with self.lease.held():
            deployment.notice(message)
        return False

    def retry(self, deployment: Deployment, error: str) -> bool:
        if deployment.is_current:
            with self.lease.held():
                deployment.notice(error)
            return False
        with self.lease.held():
            tries = deployment.record_attempt()
        if tries > MAX_ATTEMPTS:
            return self.give_up(
                deployment, f"Given up after {MAX_ATTEMPTS} attempts: {error}"
            )
        return False

    def give_up(self, deployment: Deployment, message: str) -> bool:
        """Fail what never served; what serves already is only unhealthy.

        What has a share of the requests fails when it has none any more; until that
        can be had it is tried again.
        """
        if deployment.is_rolling_out and not self.traffic.withdraw(
            deployment, f"{message} It still has traffic"
        ):
            return False
        with self.lease.held():
            if deployment.is_current:
                deployment.record_health(Health.UNHEALTHY, 0, message)
                deployment.notice(message)
                return False
            deployment.fail(message)
        return True
