"""The life of a deployment, as data.

    pending → validating → deploying → active → terminated | rollback
         └──────────┴───────────┴──→ failed

People cancel before `active`, and roll back or terminate what is active; the
reconciler takes every other step. Nothing leads out of the last row.
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
    """Who may take a step."""

    USER = "user", _("user")
    RECONCILER = "reconciler", _("reconciler")
    SYSTEM = "system", _("system")


IN_PROGRESS = frozenset({Status.PENDING, Status.VALIDATING, Status.DEPLOYING})
FINAL = frozenset({Status.FAILED, Status.ROLLBACK, Status.TERMINATED})

_R, _U = frozenset({Mover.RECONCILER}), frozenset({Mover.USER})

TRANSITIONS: dict[tuple[Status, Status], frozenset[Mover]] = {
    (Status.PENDING, Status.VALIDATING): _R,
    (Status.VALIDATING, Status.DEPLOYING): _R,
    (Status.DEPLOYING, Status.ACTIVE): _R,
    (Status.PENDING, Status.FAILED): _R | _U,
    (Status.VALIDATING, Status.FAILED): _R | _U,
    (Status.DEPLOYING, Status.FAILED): _R | _U,
    (Status.ACTIVE, Status.TERMINATED): _R | _U,
    (Status.ACTIVE, Status.ROLLBACK): _R,
}
