"""Append-only events of a deployment, in order."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from deployments.states import Mover, Status
from mlops.core.models.nul_safe import NulSafeTextField


class DeploymentEvent(models.Model):
    """A step or a notice. A step names both statuses; a notice has them equal."""

    deployment = models.ForeignKey(
        "deployments.Deployment", models.CASCADE, related_name="events"
    )
    sequence = models.PositiveIntegerField(_("sequence"))
    from_status = models.CharField(
        _("from"), max_length=16, choices=Status.choices, blank=True
    )
    to_status = models.CharField(_("to"), max_length=16, choices=Status.choices)
    mover = models.CharField(_("moved by"), max_length=16, choices=Mover.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    message = NulSafeTextField(_("message"), blank=True)
    at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        ordering = ("deployment", "sequence")
        verbose_name = _("deployment event")
        verbose_name_plural = _("deployment events")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Readers go on behind the last number they saw; none may come twice.
            models.UniqueConstraint(
                fields=["deployment", "sequence"], name="deployment_event_sequence"
            )
        ]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"

    @property
    def is_notice(self) -> bool:
        """Whether it says something without moving the deployment."""
        return self.from_status == self.to_status

    def as_line(self) -> str:
        """Return it as a line of a log, its time first (RFC 3339, UTC)."""
        step = (
            "" if self.is_notice else f"{self.from_status or 'new'} → {self.to_status}"
        )
        text = ": ".join(part for part in (step, self.message) if part)
        return f"{self.at:%Y-%m-%dT%H:%M:%S.%fZ} [{self.mover}] {text}"
