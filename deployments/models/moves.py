"""How a deployment's row changes: legally, against the last state read, on record."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from deployments.errors import IllegalTransition, StaleDeployment
from deployments.kick import kick_on_commit
from deployments.models.event import DeploymentEvent
from deployments.models.record import DeploymentRecord
from deployments.models.slot import Slot
from deployments.plan import FULL
from deployments.states import FINAL, STARTED, TRANSITIONS, Health, Mover, Status
from mlops.core import audit
from mlops.core.models import User

_ENDED = {
    "health": Health.UNHEALTHY,
    "health_reason": "",
    "ready_instances": 0,
    "ends_as": "",
    "ending": {},
}


@dataclass(frozen=True, slots=True)
class Step:
    """Who changes a deployment, under which name in the audit trail, and why."""

    action: str
    mover: Mover = Mover.USER
    by: User | None = None
    message: str = ""


class MovingDeployment(DeploymentRecord):
    """The only code that writes a status; every change leaves an event."""

    class Meta(DeploymentRecord.Meta):
        abstract = True

    def enter(self, step: Step) -> None:
        """Insert the row as pending. The caller holds the slot's lock."""
        self.revision = self.slot.take_revision()
        self.save(force_insert=True)
        self._tell(step, from_status="")
        changes = {"slot": str(self.slot), "version": str(self.model_version)}
        audit.record(step.action, self, by=step.by, changes=changes)
        kick_on_commit()

    def _move(self, to: Status, step: Step, **changes: Any) -> None:
        """Go to another status. Raises IllegalTransition or StaleDeployment.

        `changes` are further columns. On an error nothing is written.
        """
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self._require_legal(to, step.mover)
            at, now = self.status, timezone.now()
            if to in FINAL:
                changes |= _ENDED | {"terminated_at": now}
            attempts = int(to in STARTED)
            self._swap(status=to, step_started_at=now, attempts=attempts, **changes)
            self._tell(step, from_status=at)
            if Status.ACTIVE in {at, to} or self.rollout_at is not None:
                self._share_traffic()
            moved = {"status": [at, str(to)], "reason": step.message}
            audit.record(step.action, self, by=step.by, changes=moved)
            kick_on_commit()

    def end(self, to: Status, step: Step) -> None:
        """Let the row end; one that may get requests ends when it gets none any more.

        For that one the wish is written down, and the reconciler takes the requests
        away before it says that they are.
        """
        if self.status not in {Status.DEPLOYING, Status.ACTIVE}:
            self._move(to, step, error_message=step.message)
            return
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self._require_legal(to, step.mover)
            by = step.by.pk if step.by else None
            self._swap(ends_as=to, ending={"by": by, "message": step.message})
            said = f"is to be {to}" + (f": {step.message}" if step.message else "")
            self._tell(Step(step.action, step.mover, step.by, said))
            wish = {"status": [self.status, str(to)], "reason": step.message}
            audit.record(step.action, self, by=step.by, changes=wish)
            kick_on_commit()

    def _update(self, step: Step, **changes: Any) -> None:
        """Change columns other than the status. Raises StaleDeployment."""
        with transaction.atomic():
            Slot.lock(self.slot_id)
            self._swap(**changes)
            self._tell(step)
            self._share_traffic()
            audit.record(step.action, self, by=step.by)
            kick_on_commit()

    def _swap(self, **changes: Any) -> None:
        """Write columns if the row is still as it was read; else StaleDeployment."""
        changes |= {"generation": self.generation + 1, "updated_at": timezone.now()}
        unchanged = type(self).objects.filter(
            pk=self.pk, status=self.status, generation=self.generation
        )
        if not unchanged.update(**changes):
            raise StaleDeployment(
                "The deployment has changed meanwhile; read it again."
            )
        for name, value in changes.items():
            setattr(self, name, value)

    def _tell(self, step: Step, *, from_status: str | None = None) -> None:
        """Append an event. The caller holds the slot's lock, so no number repeats."""
        events = DeploymentEvent.objects.filter(deployment=self.pk)
        last = events.aggregate(last=Max("sequence"))["last"] or 0
        DeploymentEvent.objects.create(
            deployment_id=self.pk,
            sequence=last + 1,
            from_status=self.status if from_status is None else from_status,
            to_status=self.status,
            mover=step.mover,
            actor=step.by,
            message=step.message,
        )

    def _require_legal(self, to: Status, mover: Mover) -> None:
        movers = TRANSITIONS.get((Status(self.status), to), frozenset())
        is_for_others = self.ends_as and mover != Mover.RECONCILER
        if mover not in movers or is_for_others or (self.ends_as and to not in FINAL):
            raise self._illegal(to)

    def _illegal(self, to: str) -> IllegalTransition:
        allowed = self.allowed_statuses
        if self.ends_as:
            said = f"The deployment is being ended already: it is to be {self.ends_as}."
            return IllegalTransition(said, field="status", allowed=allowed)
        return IllegalTransition(
            f"A deployment that is {self.status} cannot be made {to}; a client may ask "
            f"for: {', '.join(allowed) or 'nothing any more'}.",
            field="status",
            allowed=allowed,
        )

    def _share_traffic(self) -> None:
        """Write who gets which share of the slot now, this row's included."""
        slot = type(self).objects.filter(slot=self.slot_id)
        canary = slot.rolling_out().order_by().first()
        share = canary.canary_percent if canary else 0
        has_active = slot.serving().update(traffic_percent=FULL - share)
        ended = slot.exclude(status=Status.ACTIVE).exclude(traffic_percent=0)
        ended.update(traffic_percent=0)
        if canary is not None and share:
            alone = share if has_active else FULL
            slot.filter(pk=canary.pk).update(traffic_percent=alone)
        self.refresh_from_db(fields=["traffic_percent"])
