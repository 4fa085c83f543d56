"""Keys that open one slot's endpoint for predictions and nothing else."""

import secrets
import uuid
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from deployments.errors import NotActive
from deployments.models.slot import Slot
from deployments.serving.gateway.usage import Used, used
from deployments.wake import wait_on_commit
from mlops.core import audit
from mlops.core.errors import Invalid
from mlops.core.models import User, digest

if TYPE_CHECKING:
    from deployments.models.deployment import Deployment

KEY_MARK = "mlopsk"
TRIAL_NAME = "request tester"
TRIAL_LASTS = timedelta(minutes=10)
MOST_CALLS = 1_000_000_000


class DeploymentKeyQuerySet(models.QuerySet["DeploymentKey"]):
    def live(self) -> "DeploymentKeyQuerySet":
        """Valid keys: neither revoked nor expired."""
        unexpired = models.Q(expires_at=None) | models.Q(expires_at__gt=timezone.now())
        return self.filter(unexpired, revoked_at=None)

    def forget_trials(self) -> None:
        """Delete keys of the request tester that are over; the audit trail stays."""
        self.exclude(deployment=None).filter(expires_at__lte=timezone.now()).delete()


class DeploymentKey(models.Model):
    """A predict-only key, shown once; its SHA-256 travels in the route file.

    It opens the slot's endpoint, whatever serves there; with a `deployment`, that one's
    own address and nothing else.

    Rate and quota, None for any number, hold for all gateways of the machine together;
    a day is one of UTC.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slot = models.ForeignKey("deployments.Slot", models.CASCADE, related_name="keys")
    deployment = models.ForeignKey(
        "deployments.Deployment",
        models.CASCADE,
        null=True,
        editable=False,
        related_name="trial_keys",
        verbose_name=_("deployment"),
    )
    name = models.CharField(_("name"), max_length=100)
    prefix = models.CharField(_("prefix"), max_length=16, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    rate_per_minute = models.PositiveIntegerField(
        _("calls a minute"), null=True, blank=True
    )
    daily_quota = models.PositiveIntegerField(_("calls a day"), null=True, blank=True)

    objects = DeploymentKeyQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at",)
        verbose_name = _("deployment key")
        verbose_name_plural = _("deployment keys")

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"

    @classmethod
    def issue(
        cls, slot: Slot, name: str, *, by: User | None, **limits: Any
    ) -> "tuple[DeploymentKey, str]":
        """Make a key; return it with its text, which is never to be had again.

        `limits` are `expires_at`, `rate_per_minute` and `daily_quota`; raises Invalid,
        naming the field, for one that makes no sense. The caller's commit waits until
        gateways know it, a second at most.
        """
        _check(limits)
        return cls._issued(slot=slot, name=name, created_by=by, **limits)

    @classmethod
    def issue_trial(
        cls, deployment: "Deployment", *, by: User | None
    ) -> "tuple[DeploymentKey, str]":
        """Make a key of one deployment alone that is over in ten minutes; see `issue`.

        Raises NotActive if it gets no requests.
        """
        if not (deployment.is_current or deployment.is_rolling_out):
            raise NotActive(
                "Only a deployment that serves or rolls out can be asked; this is "
                f"{deployment.status}."
            )
        return cls._issued(
            slot=deployment.slot,
            deployment=deployment,
            name=TRIAL_NAME,
            created_by=by,
            expires_at=timezone.now() + TRIAL_LASTS,
        )

    def revoke(self, *, by: User | None) -> None:
        """Revoke the key. Idempotent. See `issue`."""
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

    @property
    def endpoint(self) -> str:
        """The base URL that it opens."""
        if self.deployment is not None:
            return self.deployment.own_endpoint
        return self.slot.endpoint

    @classmethod
    def usage_of(cls, keys: "Iterable[DeploymentKey]") -> dict[str, Used]:
        """Return what the gateways have counted of keys, by digest."""
        folder = Path(settings.DATA_DIR) / "run" / "gateways"
        return used(folder, [key.digest for key in keys])

    @classmethod
    def _issued(cls, **columns: Any) -> "tuple[DeploymentKey, str]":
        prefix = f"{KEY_MARK}_{secrets.token_hex(4)}"
        plain = f"{prefix}_{secrets.token_urlsafe(32)}"
        with transaction.atomic():
            key = cls.objects.create(prefix=prefix, digest=digest(plain), **columns)
            changes = {"slot": str(key.slot)}
            if key.deployment is not None:
                changes["deployment"] = str(key.deployment.pk)
            audit.record("issue_key", key, by=key.created_by, changes=changes)
            wait_on_commit()
        return key, plain


def _check(limits: Mapping[str, Any]) -> None:
    expires_at = limits.get("expires_at")
    if expires_at is not None and expires_at <= timezone.now():
        raise Invalid("A key expires in the future.", field="expires_at")
    for name in ("rate_per_minute", "daily_quota"):
        number = limits.get(name)
        if number is not None and not 1 <= number <= MOST_CALLS:
            raise Invalid(f"{name} is 1 to {MOST_CALLS}.", field=name)
