"""What the gateway counted: one row per deployment, minute and gateway process."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class TrafficWindow(models.Model):
    """Counts of one window. Each gateway adds to rows of its own, so none is lost.

    `error_count` counts 5xx and time-outs of the model, `client_error_count` 4xx,
    `rejected_count` what overload turned away. `histogram` maps a log bucket's
    number to its count (`deployments.gateway.histogram`).
    """

    deployment = models.ForeignKey(
        "deployments.Deployment", models.CASCADE, related_name="windows"
    )
    starts_at = models.DateTimeField(_("starts"))
    seconds = models.PositiveIntegerField(_("length (s)"), default=60)
    gateway = models.CharField(_("gateway"), max_length=32)
    request_count = models.BigIntegerField(_("requests"), default=0)
    error_count = models.BigIntegerField(_("errors"), default=0)
    client_error_count = models.BigIntegerField(_("client errors"), default=0)
    rejected_count = models.BigIntegerField(_("turned away"), default=0)
    sum_ms = models.FloatField(default=0.0)
    max_ms = models.FloatField(default=0.0)
    histogram = models.JSONField(default=dict)

    class Meta:
        ordering = ("deployment", "-starts_at")
        verbose_name = _("traffic window")
        verbose_name_plural = _("traffic windows")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["deployment", "starts_at", "seconds", "gateway"],
                name="traffic_window",
            )
        ]

    def __str__(self) -> str:
        return f"{self.deployment} {self.starts_at:%H:%M}"
