"""State changes of a deployment: legal, compare-and-swap, with event and audit."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from deployments.errors import IllegalTransition, MayNotDeploy, StaleDeployment
from deployments.models.event import DeploymentEvent
from deployments.models.queries import DeploymentQuerySet
from deployments.models.slot import Slot
from deployments.states import FINAL, STARTED, TRANSITIONS, Health, Mover, Status
from deployments.wake import wake_on_commit
from mlops.core import audit
from mlops.core.models import User
from mlops.core.roles import refusal

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment

_ENDED = {
    "health": Health.UNHEALTHY,
    "health_reason": "",
    "ready_instances": 0,
    "ends_as": "",
    "ending": {},
    "is_paused": False,
}


@dataclass(frozen=True, slots=True)
class Step:
    """Actor, audit action and reason of a state change."""

    action: str
    mover: Mover = Mover.USER
    by: User | None = None
    message: str = ""

    @classmethod
    def of_reconciler(cls, action: str, message: str = "") -> Self:
        return cls(action, Mover.RECONCILER, message=message)


@dataclass(frozen=True, slots=True)
class Moves:
    """The only code that writes the status of a row; every change leaves an event."""

    row: "Deployment"

    def enter(self, step: Step) -> None:
        """Insert the row as pending. The caller holds the slot's lock."""
        row = self.row
        row.revision = row.slot.take_revision()
        row.save(force_insert=True)
        self._append(step, from_status="")
        changes = {"slot": str(row.slot), "version": str(row.model_version)}
        audit.record(step.action, row, by=step.by, changes=changes)
        wake_on_commit()

    def go(self, to: Status, step: Step, **changes: Any) -> None:
        """Go to another status. Raises IllegalTransition or StaleDeployment.

        `changes` are further columns. On an error nothing is written.
        """
        with transaction.atomic():
            Slot.lock(self.row.slot_id)
            self.require_legal(to, step.mover)
            at, now = self.row.status, timezone.now()
            if to in FINAL:
                changes |= _ENDED | {"terminated_at": now}
            attempts = int(to in STARTED)
            self.swap(status=to, step_started_at=now, attempts=attempts, **changes)
            self._append(step, from_status=at)
            if Status.ACTIVE in {at, to} or self.row.rollout_at is not None:
                self._share_traffic()
            moved = {"status": [at, str(to)], "reason": step.message}
            audit.record(step.action, self.row, by=step.by, changes=moved)
            wake_on_commit()

    def end(self, to: Status, step: Step) -> None:
        """End the deployment; one that may get requests is drained first.

        For that one the request to end is stored, and the reconciler takes its traffic
        away before it writes the status.
        """
        if self.row.status not in {Status.DEPLOYING, Status.ACTIVE}:
            self.go(to, step, error_message=step.message)
            return
        with transaction.atomic():
            Slot.lock(self.row.slot_id)
            self.require_legal(to, step.mover)
            by = step.by.pk if step.by else None
            self.swap(ends_as=to, ending={"by": by, "message": step.message})
            message = f"is to be {to}" + (f": {step.message}" if step.message else "")
            self._append(Step(step.action, step.mover, step.by, message))
            changes = {"status": [self.row.status, str(to)], "reason": step.message}
            audit.record(step.action, self.row, by=step.by, changes=changes)
            wake_on_commit()

    def update(self, step: Step, **changes: Any) -> None:
        """Change columns other than the status. Raises StaleDeployment."""
        with transaction.atomic():
            Slot.lock(self.row.slot_id)
            self.swap(**changes)
            self._append(step)
            self._share_traffic()
            why = {"reason": step.message}
            audit.record(step.action, self.row, by=step.by, changes=why)
            wake_on_commit()

    def observe(self, step: Step, **seen: Any) -> None:
        """Write observations of a row whose status is unchanged since it was read.

        A message makes it an event. `generation` stays, so that no other writer loses.
        """
        with transaction.atomic():
            Slot.lock(self.row.slot_id)
            if self._rows().filter(status=self.row.status).update(**seen):
                self._remember(seen)
                if step.message:
                    self._note(step)

    def notice(self, step: Step) -> None:
        """Append an event that moves nothing, unless its message was the last one."""
        with transaction.atomic():
            Slot.lock(self.row.slot_id)
            events = DeploymentEvent.objects.filter(deployment=self.row.pk)
            last = events.order_by("-sequence").first()
            if last is None or last.message != step.message:
                self._note(step)

    def swap(self, **changes: Any) -> None:
        """Compare and swap the row's columns. Raises StaleDeployment if it changed."""
        row = self.row
        changes |= {"generation": row.generation + 1, "updated_at": timezone.now()}
        unchanged = self._rows().filter(status=row.status, generation=row.generation)
        if not unchanged.update(**changes):
            raise StaleDeployment(
                "The deployment has changed meanwhile; read it again."
            )
        self._remember(changes)

    def require_legal(self, to: Status, mover: Mover) -> None:
        """Raise IllegalTransition unless the table lets this mover take the step."""
        row = self.row
        movers = TRANSITIONS.get((Status(row.status), to), frozenset())
        is_for_others = row.ends_as and mover != Mover.RECONCILER
        if mover not in movers or is_for_others or (row.ends_as and to not in FINAL):
            raise self.refusal(to)

    def refusal(self, to: str) -> IllegalTransition:
        """Return the error for a step that is not allowed, with what would be."""
        row, allowed = self.row, self.row.allowed_statuses
        if row.ends_as:
            message = (
                f"The deployment is being ended already: it is to be {row.ends_as}."
            )
            return IllegalTransition(message, field="status", allowed=allowed)
        return IllegalTransition(
            f"A deployment that is {row.status} cannot be made {to}; a client may ask "
            f"for: {', '.join(allowed) or 'nothing any more'}.",
            field="status",
            allowed=allowed,
        )

    def _note(self, step: Step) -> None:
        """Append an event that moves nothing, and its entry of the trail."""
        self._append(step)
        changes = {"reason": step.message}
        audit.record(step.action, self.row, by=step.by, changes=changes)

    def _append(self, step: Step, *, from_status: str | None = None) -> None:
        """Append an event. The caller holds the slot's lock, so no number repeats."""
        events = DeploymentEvent.objects.filter(deployment=self.row.pk)
        last = events.aggregate(last=Max("sequence"))["last"] or 0
        DeploymentEvent.objects.create(
            deployment_id=self.row.pk,
            sequence=last + 1,
            from_status=self.row.status if from_status is None else from_status,
            to_status=self.row.status,
            mover=step.mover,
            actor=step.by,
            message=step.message,
        )

    def _share_traffic(self) -> None:
        """Write who gets which share of the slot now, this row's included."""
        type(self.row).objects.filter(slot=self.row.slot_id).share_traffic()
        self.row.refresh_from_db(fields=["traffic_percent"])

    def _rows(self) -> DeploymentQuerySet:
        return type(self.row).objects.filter(pk=self.row.pk)

    def _remember(self, columns: dict[str, Any]) -> None:
        for name, value in columns.items():
            setattr(self.row, name, value)


def require_permission(by: User | None, name: str) -> None:
    """Raise MayNotDeploy unless a person has a permission; None is the system."""
    permission = f"deployments.{name}"
    if by is not None and not by.has_perm(permission):
        raise MayNotDeploy(refusal(permission))
