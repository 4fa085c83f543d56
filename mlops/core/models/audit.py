"""What was done here, and by whom."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from mlops.core.models.people import User


class AuditEntry(models.Model):
    """One write: who did what to which thing, when and from where. Never changed."""

    at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    actor = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("actor")
    )
    action = models.CharField(_("action"), max_length=64)
    object_type = models.CharField(_("kind"), max_length=64)
    object_id = models.CharField(_("id"), max_length=256)
    object_name = models.CharField(_("name"), max_length=500, blank=True)
    changes = models.JSONField(_("changes"), default=dict, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    remote_address = models.CharField(_("address"), max_length=64, blank=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["object_type", "object_id"], name="audit_object")
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_name}"
