"""Keys that open one slot's endpoint for predictions and nothing else."""

import secrets
import uuid

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from deployments.kick import wait_on_commit
from deployments.models.slot import Slot
from mlops.core import audit
from mlops.core.models import User, digest

KEY_MARK = "mlopsk"


class DeploymentKeyQuerySet(models.QuerySet["DeploymentKey"]):
    def live(self) -> "DeploymentKeyQuerySet":
        return self.filter(revoked_at=None)


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

    objects = DeploymentKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("deployment key")
        verbose_name_plural = _("deployment keys")

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @classmethod
    def issue(
        cls, slot: Slot, name: str, *, by: User | None
    ) -> "tuple[DeploymentKey, str]":
        """Make a key; return it with its text, which is never to be had again.

        The caller's commit waits until gateways know it, a second at most.
        """
        prefix = f"{KEY_MARK}_{secrets.token_hex(4)}"
        plain = f"{prefix}_{secrets.token_urlsafe(32)}"
        with transaction.atomic():
            key = cls.objects.create(
                slot=slot,
                name=name,
                prefix=prefix,
                digest=digest(plain),
                created_by=by,
            )
            audit.record("issue_key", key, by=by, changes={"slot": str(slot)})
            wait_on_commit()
        return key, plain

    def revoke(self, *, by: User | None) -> None:
        """Close the key for good; a second call changes nothing. See `issue`."""
        with transaction.atomic():
            closed = (
                type(self)
                .objects.live()
                .filter(pk=self.pk)
                .update(revoked_at=timezone.now())
            )
            if closed:
                audit.record("revoke_key", self, by=by)
                wait_on_commit()
        self.refresh_from_db(fields=["revoked_at"])
