"""The failure policy of a reconcile step: wait, retry or fail the deployment."""

from collections.abc import Mapping
from dataclasses import dataclass

from deployments.models import Deployment, EnvironmentRule, Lease
from deployments.reconciler.memory import Memory
from deployments.reconciler.patience import want_of_room
from deployments.reconciler.slot_traffic import SlotTraffic
from deployments.serving.terms import TargetBusy, TargetRefused, TargetTrouble
from deployments.states import STARTED, Health

MAX_ATTEMPTS = 3


@dataclass(slots=True)
class FailurePolicy:
    """Writes trouble into rows, in transactions that count while the lease is held."""

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

    def bear(self, deployment: Deployment, trouble: TargetTrouble | OSError) -> bool:
        """Wait where that helps; else count an attempt."""
        if isinstance(trouble, TargetBusy):
            return self._wait_for_processors(deployment, str(trouble))
        if want := want_of_room(trouble):
            return self._wait_for_room(deployment, want)
        return self.retry(deployment, str(trouble))

    def _wait_for_room(self, deployment: Deployment, want: str) -> bool:
        """Say what it waits for; only the deadline ends that, no number of tries."""
        if not deployment.is_current and self._is_late(deployment):
            return self.give_up(deployment, f"It has waited too long. {want}")
        with self.lease.held():
            deployment.notice(want)
        return False

    def _wait_for_processors(self, deployment: Deployment, want: str) -> bool:
        """Say that it waits; the time does not count against its deadline."""
        self.memory.begin(deployment)
        with self.lease.held():
            deployment.notice(want)
        return False

    def retry(self, deployment: Deployment, trouble: str) -> bool:
        if deployment.is_current:
            with self.lease.held():
                deployment.notice(trouble)
            return False
        with self.lease.held():
            tries = deployment.record_attempt()
        if tries > MAX_ATTEMPTS:
            return self.give_up(
                deployment, f"Given up after {MAX_ATTEMPTS} attempts: {trouble}"
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
