"""The life of a deployment, as data.

    pending → validating → deploying → active → terminated | rollback
         └──────────┴───────────┴──→ failed

People cancel before `active`, and roll back or terminate what is active; the
reconciler takes every other step. The system (the bake check, a rollback that
overtakes what was on its way) may only end things. Nothing leads out of the last
row.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    PENDING = "pending", _("pending")
    VALIDATING = "validating", _("validating")
    DEPLOYING = "deploying", _("deploying")
    ACTIVE = "active", _("active")
    FAILED = "failed", _("failed")
    ROLLBACK = "rollback", _("rolled back")
    TERMINATED = "terminated", _("terminated")


class Environment(models.TextChoices):
    DEVELOPMENT = "development", _("development")
    STAGING = "staging", _("staging")
    PRODUCTION = "production", _("production")


class Health(models.TextChoices):
    HEALTHY = "healthy", _("healthy")
    DEGRADED = "degraded", _("degraded")
    UNHEALTHY = "unhealthy", _("unhealthy")


class Mover(models.TextChoices):
    """Who may make a move."""

    USER = "user", _("user")
    RECONCILER = "reconciler", _("reconciler")
    SYSTEM = "system", _("system")


class StickyBy(models.TextChoices):
    """What identifies a canary's callers, each of whom keeps its version."""

    REQUEST = "request", _("nothing: each request by chance")
    KEY = "key", _("the caller's key")
    HEADER = "header", _("a header")


class Rollout(models.TextChoices):
    """Rollout strategy of a new version."""

    ALL_AT_ONCE = "all_at_once", _("all at once")
    CANARY = "canary", _("canary")
    SHADOW = "shadow", _("shadow")


class DriftSubject(models.TextChoices):
    """Data that the training data is compared with."""

    REQUESTS = "requests", _("live requests")
    DATASET = "dataset", _("newer data")


class DeliveryState(models.TextChoices):
    """Delivery state of an alert's message."""

    WAITING = "waiting", _("waiting")
    DELIVERED = "delivered", _("delivered")
    GIVEN_UP = "given_up", _("given up")


IN_PROGRESS = frozenset({Status.PENDING, Status.VALIDATING, Status.DEPLOYING})
STARTED = frozenset({Status.VALIDATING, Status.DEPLOYING})
OPEN = IN_PROGRESS | {Status.ACTIVE}
FINAL = frozenset({Status.FAILED, Status.ROLLBACK, Status.TERMINATED})

_R = frozenset({Mover.RECONCILER})
_U = frozenset({Mover.USER})
_S = frozenset({Mover.SYSTEM})

TRANSITIONS: dict[tuple[Status, Status], frozenset[Mover]] = {
    (Status.PENDING, Status.VALIDATING): _R,
    (Status.VALIDATING, Status.DEPLOYING): _R,
    (Status.DEPLOYING, Status.ACTIVE): _R,
    (Status.PENDING, Status.FAILED): _R | _U | _S,
    (Status.VALIDATING, Status.FAILED): _R | _U | _S,
    (Status.DEPLOYING, Status.FAILED): _R | _U | _S,
    (Status.ACTIVE, Status.TERMINATED): _R | _U,
    (Status.ACTIVE, Status.ROLLBACK): _R,
}


def requestable_from(status: str) -> list[str]:
    """Return what a person may ask a status to become, in the order of the table."""
    allowed = [
        str(to)
        for (at, to), movers in TRANSITIONS.items()
        if at == status and Mover.USER in movers
    ]
    return [*allowed, str(Status.ROLLBACK)] if status == Status.ACTIVE else allowed
