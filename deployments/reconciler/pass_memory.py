"""State that a reconciler keeps between two passes; losing it costs an attempt."""

import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deployments.judge import CallWindow
from deployments.models import Deployment
from deployments.serving.terms import Route, Spec, TargetObservation

Key = tuple[uuid.UUID, str]
Record = tuple[CallWindow | None, bool, bool]
"""What the version before did, whether it refuses the same requests, and whether model
servers report which of them it would have taken."""
State = tuple[int, tuple[bool, bool, str]]

JUDGED_S = 5.0
"""How often `judged_at` is written if nothing else changed."""


@dataclass(slots=True)
class Memory:
    """Its times are of a monotonic clock: a jump of the wall clock ends nothing."""

    clock: Callable[[], float] = time.monotonic
    begun: dict[Key, float] = field(default_factory=dict)
    down_since: dict[uuid.UUID, float] = field(default_factory=dict)
    restarts: dict[uuid.UUID, tuple[int, float]] = field(default_factory=dict)
    messages: dict[uuid.UUID, str] = field(default_factory=dict)
    specs: dict[uuid.UUID, tuple[State, Spec]] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)
    routed_at: float | None = None
    routed_for: object = None
    admitted_for: object = None
    expires_at: datetime | None = None
    has_probation: bool = False
    has_rollout: bool = False
    has_counts: bool = False
    has_more: bool = False
    is_comparing: bool = False
    records: dict[uuid.UUID, Record] = field(default_factory=dict)
    judged: dict[uuid.UUID, float] = field(default_factory=dict)
    cursors: dict[str, tuple[datetime, uuid.UUID]] = field(default_factory=dict)
    done_at: dict[str, float] = field(default_factory=dict)

    def forget(self) -> None:
        """Start over, as a new reconciler would."""
        self.begun.clear()
        self.down_since.clear()
        self.restarts.clear()
        self.messages.clear()
        self.specs.clear()
        self.records.clear()
        self.judged.clear()
        self.routes.clear()
        self.routed_at = self.routed_for = self.admitted_for = None
        self.cursors.clear()
        self.done_at.clear()

    def keep_only(self, open_ids: Collection[uuid.UUID]) -> None:
        """Forget deployments that have ended."""
        for key in [key for key in self.begun if key[0] not in open_ids]:
            del self.begun[key]
        by_id: tuple[dict[uuid.UUID, Any], ...] = (
            self.messages,
            self.down_since,
            self.restarts,
            self.specs,
            self.records,
            self.judged,
        )
        for kept in by_id:
            for pk in kept.keys() - set(open_ids):
                del kept[pk]

    def is_due(self, what: str, every_s: float) -> bool:
        """Whether a periodic task is due; if so, mark it as done now."""
        now, last = self.clock(), self.done_at.get(what)
        if last is not None and now - last < every_s:
            return False
        self.done_at[what] = now
        return True

    def begin(self, deployment: Deployment) -> None:
        """Start the deployment's step at this reconciler."""
        self.begun[deployment.pk, deployment.status] = self.clock()

    def has_begun(self, deployment: Deployment) -> bool:
        return (deployment.pk, deployment.status) in self.begun

    def seconds_in_step(self, deployment: Deployment) -> float:
        """Return how long this reconciler has been at the deployment's step."""
        now = self.clock()
        return now - self.begun.get((deployment.pk, deployment.status), now)

    def seconds_down(self, deployment: Deployment, seen: TargetObservation) -> float:
        """Return for how long nothing has been ready; 0 while something is."""
        if seen.ready_instances > 0:
            self.down_since.pop(deployment.pk, None)
            return 0.0
        now = self.clock()
        return now - self.down_since.setdefault(deployment.pk, now)

    def is_judgement_due(self, deployment: Deployment) -> bool:
        """Whether the row's `judged_at` is due to be written again."""
        last = self.judged.get(deployment.pk)
        return last is None or self.clock() - last >= JUDGED_S

    def note_judged(self, deployments: Collection[Deployment]) -> None:
        self.judged |= dict.fromkeys((one.pk for one in deployments), self.clock())

    def has_changed(self, deployment: Deployment, seen: TargetObservation) -> bool:
        """Return whether the target's message is new, and note it."""
        is_new = bool(seen.message) and self.messages.get(deployment.pk) != seen.message
        if is_new:
            self.messages[deployment.pk] = seen.message
        return is_new

    def restarted_within(
        self, deployment: Deployment, seen: TargetObservation, seconds: float
    ) -> bool:
        """Whether an instance was restarted lately, since it was first seen."""
        now = self.clock()
        known = self.restarts.get(deployment.pk)
        if known is None:
            self.restarts[deployment.pk] = (seen.restarts, now - seconds)
            return False
        if seen.restarts > known[0]:
            known = (seen.restarts, now)
            self.restarts[deployment.pk] = known
        return now - known[1] < seconds
