"""Freshness of a deployment's health: a status that is not renewed goes stale."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from django.utils import timezone

from deployments.models.deployment import Deployment
from deployments.models.lease import TIME_TO_LIVE, Lease
from deployments.states import FINAL, Health

STEP_S = 5
RECONCILER = "reconciler"
"""The lease of the reconciler, which also collects the gateways' counts."""


@dataclass(frozen=True, slots=True)
class Watch:
    """When a reconciler last looked at anything; None if none ever did."""

    seen_at: datetime | None
    now: datetime

    @classmethod
    def read(cls) -> Self:
        """Return it as of now, in one query."""
        return cls(Lease.last_seen(RECONCILER), timezone.now())

    @property
    def is_kept(self) -> bool:
        """Whether one has looked within the time that a lease lives (15 s)."""
        return self.seen_at is not None and self.now - self.seen_at < TIME_TO_LIVE

    @property
    def counted_at(self) -> datetime | None:
        """Until when counts were taken in, in steps of five seconds.

        So a live page does not change with every pass.
        """
        at = self.seen_at
        if at is None:
            return None
        return at.replace(second=at.second - at.second % STEP_S, microsecond=0)

    @property
    def age_s(self) -> float | None:
        if self.seen_at is None:
            return None
        return max((self.now - self.seen_at).total_seconds(), 0.0)

    def health_of(self, deployment: Deployment) -> Health:
        """Return the health that may be shown now: unwatched, nothing is healthy."""
        health = Health(deployment.health)
        if self.is_kept or deployment.status in FINAL or health != Health.HEALTHY:
            return health
        return Health.DEGRADED

    def reason_of(self, deployment: Deployment) -> str:
        """Return why it is not healthy, for people; "" if it is."""
        if deployment.status in FINAL:
            return "It has ended."
        reason = deployment.health_reason
        if not (deployment.is_current or deployment.is_rolling_out):
            reason = reason or "It does not serve yet."
        if self.is_kept:
            return reason
        last = reason or f"it was {deployment.health} then"
        return f"{self._unwatched}; {last}"

    def pending_end_of(self, deployment: Deployment, undoing: int | None = None) -> str:
        """Return how it is about to end, for people; "" if it is not, or has ended.

        `undoing` is the revision of a rollback of it that is on its way.
        """
        if deployment.status in FINAL:
            return ""
        if not deployment.ends_as:
            return self._undone_by(undoing) if undoing else ""
        text = f"It is to be {deployment.ends_as}, and still gets its requests"
        if self.is_kept:
            return f"{text} until the gateways have taken them away."
        return f"{text}. {self._unwatched}: nothing ends before one does."

    def _undone_by(self, revision: int) -> str:
        text = f"Revision {revision} is on its way to undo it, and it serves until then"
        return f"{text}." if self.is_kept else f"{text}. {self._unwatched}."

    @property
    def _unwatched(self) -> str:
        if self.seen_at is None:
            return "No reconciler has looked yet"
        since = f"{self.seen_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        return f"No reconciler has looked since {since}"
