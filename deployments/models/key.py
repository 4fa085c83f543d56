"""Keys that open one slot's endpoint for predictions and nothing else."""

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class DeploymentKey(models.Model):
    """A predict-only key, shown once; its SHA-256 travels in the route file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slot = models.ForeignKey("deployments.Slot", models.CASCADE, related_name="keys")
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("deployment key")
        verbose_name_plural = _("deployment keys")

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"
