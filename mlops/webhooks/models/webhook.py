"""Webhooks: an address, what it is told, and how far it has been told."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, F, Q, Subquery
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlops.core import audit, sealing
from mlops.core.errors import AlreadyExists, Invalid, NotFound
from mlops.core.ids import as_uuid
from mlops.core.models import AuditEntry, User
from mlops.webhooks import address, formats, signing
from mlops.webhooks.kinds import ALL, KINDS
from mlops.webhooks.states import (
    MOST_REST,
    MOST_RETRY_AFTER,
    MessageFormat,
    MessageState,
)

CLAIMED_FOR = timedelta(seconds=60)
"""How long a claimed webhook is left to the worker that claimed it."""
_FIRST_REST_S = 5
_MOST_DOUBLED = 7
MAX_SECRET = 1000
KEEP_SECRET = timedelta(hours=24)
"""How long the secret before signs as well, if nobody says."""
_MAX_REASON = 200


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def detailed(self) -> "WebhookQuerySet":
        """With how many messages are on their way, and how many were given up."""
        states = {
            "waiting": MessageState.WAITING,
            "given_up": MessageState.GIVEN_UP,
        }
        counts = {
            name: Count("deliveries", filter=Q(deliveries__state=state))
            for name, state in states.items()
        }
        return self.annotate(**counts).select_related("created_by")

    def find(self, text: str) -> "Webhook":
        """Return the webhook of an id, `detailed`. Raises NotFound."""
        known = as_uuid(text)
        found = self.detailed().filter(pk=known).first() if known else None
        if found is None:
            raise NotFound("There is no such webhook.")
        return found

    def behind(self) -> Self:
        """Those that are on and have not looked at the newest entries of the trail."""
        newest = AuditEntry.objects.order_by("-pk").values("pk")[:1]
        return self.filter(is_enabled=True, cursor__lt=Subquery(newest))

    def to_send(self, now: datetime) -> Self:
        """Those that have a message to send now, and may be asked by somebody."""
        waiting = models.Q(deliveries__state=MessageState.WAITING)
        due = self.free(now).filter(waiting, deliveries__next_at__lte=now)
        return due.distinct()

    def forget_old_secrets(self, now: datetime) -> int:
        """Delete secrets that sign no more; return how many."""
        over = self.filter(old_secret_until__lte=now)
        return over.update(sealed_old_secret="", old_secret_until=None)

    def free(self, now: datetime) -> Self:
        """Those that are on, that nobody sends to, and that do not rest."""
        return self.filter(
            Q(claimed_until=None) | Q(claimed_until__lte=now),
            Q(rests_until=None) | Q(rests_until__lte=now),
            is_enabled=True,
        )


class Webhook(models.Model):
    """An address that is told what happens here, in the order in which it does.

    `events` are what it is told in its format's own words, where that has any; its
    kinds follow from them. `cursor` is the last entry of the audit trail that was
    looked at for it. A webhook that is off passes over what happens meanwhile.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(_("address"), max_length=1000)
    kinds = models.JSONField(_("kinds"), default=list)
    format = models.CharField(
        _("format"),
        max_length=16,
        choices=MessageFormat.choices,
        default=MessageFormat.CLOUDEVENTS,
        db_default=MessageFormat.CLOUDEVENTS,
        editable=False,
    )
    events = models.JSONField(_("events"), default=list, db_default=[], editable=False)
    description = models.CharField(_("description"), max_length=1000, blank=True)
    is_enabled = models.BooleanField(_("enabled"), default=True)
    off_reason = models.CharField(
        _("switched off because"),
        max_length=_MAX_REASON,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    sealed_secret = models.TextField(editable=False)
    sealed_old_secret = models.TextField(default="", db_default="", editable=False)
    old_secret_until = models.DateTimeField(
        _("old secret until"), null=True, editable=False
    )
    cursor = models.BigIntegerField(default=0, editable=False)
    failures = models.PositiveIntegerField(_("failures"), default=0, editable=False)
    rests_until = models.DateTimeField(_("rests until"), null=True, editable=False)
    claimed_by = models.CharField(max_length=32, default="", editable=False)
    claimed_until = models.DateTimeField(null=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def add(cls, *, by: User | None, secret: str = "", **fields: Any) -> "Webhook":
        """Make a webhook, which is told what happens from now on.

        Without a secret it gets a new one, where its format signs each message.
        Raises Invalid or AlreadyExists.
        """
        made = cls(created_by=by, **fields)
        if made.events:
            made.kinds = made.wire.kinds_of(made.events)
        if not secret and made.is_always_signed:
            secret = signing.new_secret()
        made.require_sound(secret)
        with transaction.atomic():
            made._require_free_name()
            made.sealed_secret = _sealed(secret)
            made.cursor = audit.horizon()
            made.save(force_insert=True)
            changes = {"name": made.name, "kinds": made.kinds}
            audit.record("create", made, by=by, changes=changes)
        return made

    def change(
        self, *, by: User | None, secret: str | None = None, **fields: Any
    ) -> "Webhook":
        """Change fields; another address, or being on again, ends its rest.

        What happened while it was off is passed over. Raises Invalid or AlreadyExists.
        """
        was_off = not self.is_enabled
        if events := fields.get("events"):
            fields["kinds"] = self.wire.kinds_of(events)
        elif self.events and set(fields.get("kinds", self.kinds)) != set(self.kinds):
            text = (
                "What it is told are MLflow's events: change them by MLflow's client."
            )
            raise Invalid(text, field="kinds")
        for name, value in fields.items():
            setattr(self, name, value)
        self.require_sound(secret)
        if secret is not None:
            self.sealed_secret = _sealed(secret)
            self.sealed_old_secret, self.old_secret_until = "", None
        self.failures, self.rests_until = 0, None
        has_secret = secret is not None
        names = sorted([*fields, *(["secret"] if has_secret else [])])
        written = {*fields, *_RESET, *(_SECRETS if has_secret else [])}
        with transaction.atomic():
            Webhook.objects.select_for_update().get(pk=self.pk)
            self._require_free_name()
            if was_off and self.is_enabled:
                self.cursor, self.off_reason = audit.horizon(), ""
                written |= {"cursor", "off_reason"}
            self.save(update_fields=written)
            audit.record("change", self, by=by, changes={"fields": names})
        self.refresh_from_db()
        return self

    def rotate_secret(
        self, *, by: User | None, secret: str = "", keep_for: timedelta = KEEP_SECRET
    ) -> "Webhook":
        """Sign by another secret, and by the one before it for a while.

        Without a secret it gets a new one. Raises Invalid where a format has room for
        one signature.
        """
        if not self.is_always_signed:
            text = "MLflow's receivers check one signature: change the secret instead."
            raise Invalid(text)
        new = secret or signing.new_secret()
        _require_well_formed(new)
        with transaction.atomic():
            row = Webhook.objects.select_for_update().get(pk=self.pk)
            until = timezone.now() + keep_for
            row.sealed_old_secret, row.old_secret_until = row.sealed_secret, until
            row.sealed_secret = _sealed(new)
            row.save(update_fields=_SECRETS)
            changes = {"old_secret_until": until.isoformat()}
            audit.record("rotate_secret", row, by=by, changes=changes)
        self.refresh_from_db()
        return self

    def remove(self, *, by: User | None) -> None:
        """Delete the webhook with its messages."""
        with transaction.atomic():
            audit.record("delete", self, by=by)
            self.delete()

    @property
    def secret(self) -> str:
        """What the receiver checks signatures with, "" if none. Raises KeyMissing."""
        return sealing.open_closed(self.sealed_secret) if self.sealed_secret else ""

    def secrets(self, now: datetime) -> list[str]:
        """What it is signed with now, the newest first. Raises KeyMissing."""
        sealed = [self.sealed_secret]
        if self.old_secret_until is not None and self.old_secret_until > now:
            sealed.append(self.sealed_old_secret)
        return [sealing.open_closed(one) for one in sealed if one]

    @property
    def wire(self) -> formats.WebhookFormat:
        """What makes its messages."""
        return formats.format_of(self.format)

    @property
    def is_always_signed(self) -> bool:
        """Whether there is no webhook of its format without a secret."""
        return self.format == MessageFormat.CLOUDEVENTS

    def wants(self, kind: str) -> bool:
        return ALL in self.kinds or kind in self.kinds

    def advance(self, cursor: int) -> bool:
        """Move the cursor on; False when it was changed since it was read."""
        unchanged = {"cursor": self.cursor, "updated_at": self.updated_at}
        rows = Webhook.objects.filter(pk=self.pk, is_enabled=True, **unchanged)
        return bool(rows.update(cursor=cursor))

    def claim(self, holder: str, now: datetime) -> bool:
        """Claim it for one sender; False when it is another's, rests or is off."""
        rows = Webhook.objects.free(now).filter(pk=self.pk)
        until = now + CLAIMED_FOR
        return bool(rows.update(claimed_by=holder, claimed_until=until))

    def release(self, holder: str) -> None:
        """Let others send to it."""
        mine = Webhook.objects.filter(pk=self.pk, claimed_by=holder)
        mine.update(claimed_by="", claimed_until=None)

    def rest(self, now: datetime, *, at_least_s: float = 0.0) -> None:
        """Leave a receiver that is not there alone, longer from time to time.

        It is not called before the time that it asked for, of a day at most.
        """
        doubled = 2 ** min(self.failures, _MOST_DOUBLED)
        usual = min(timedelta(seconds=_FIRST_REST_S * doubled), MOST_REST)
        asked_s = min(at_least_s, MOST_RETRY_AFTER.total_seconds())
        until = now + max(usual, timedelta(seconds=asked_s))
        rows = Webhook.objects.filter(pk=self.pk)
        rows.update(failures=F("failures") + 1, rests_until=until)
        self.failures += 1

    def recover(self) -> None:
        """Forget that the receiver was not there."""
        if self.failures:
            rows = Webhook.objects.filter(pk=self.pk)
            rows.update(failures=0, rests_until=None)
            self.failures = 0

    def switch_off(self, reason: str) -> None:
        """Switch it off for what its receiver said, unless it has another by now."""
        with transaction.atomic():
            known = Webhook.objects.filter(pk=self.pk, url=self.url, is_enabled=True)
            if not known.update(is_enabled=False, off_reason=reason[:_MAX_REASON]):
                return
            audit.record("switch_off", self, by=None, changes={"reason": reason})

    @classmethod
    def silence_all(cls) -> list[str]:
        """Switch all off, as a copy of an installation does; return their names."""
        enabled = cls.objects.filter(is_enabled=True)
        names = list(enabled.values_list("name", flat=True))
        enabled.update(is_enabled=False)
        return names

    def require_sound(self, secret: str | None = None) -> None:
        """Look its address up. Raises Invalid for what a webhook cannot be."""
        try:
            address.checked(self.url)
        except address.RefusedAddress as refused:
            raise Invalid(str(refused), field="url") from None
        _require_known(self.kinds)
        if secret is not None and self.is_always_signed:
            _require_well_formed(secret)

    def _require_free_name(self) -> None:
        if Webhook.objects.filter(name=self.name).exclude(pk=self.pk).exists():
            raise AlreadyExists(
                f"There is a webhook {self.name!r} already.", field="name"
            )


_SECRETS = ("sealed_secret", "sealed_old_secret", "old_secret_until", "updated_at")
_RESET = ("failures", "rests_until", "updated_at")


def _sealed(secret: str) -> str:
    return sealing.close(secret) if secret else ""


def _require_well_formed(secret: str) -> None:
    """Raise Invalid for what is no secret of Standard Webhooks."""
    if not signing.is_well_formed(secret):
        raise Invalid(f"A secret is {signing.FORM}", field="secret")


def _require_known(kinds: Sequence[str]) -> None:
    """Raise Invalid unless each kind is known."""
    if not kinds:
        raise Invalid("Name at least one kind, or * for all.", field="kinds")
    for kind in kinds:
        if kind != ALL and kind not in KINDS:
            raise Invalid(f"There is no kind {kind!r}.", field="kinds")
