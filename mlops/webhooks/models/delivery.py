"""Messages on their way to a webhook: queued once, sent in order, tried again."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlops.core import audit
from mlops.core.errors import Invalid
from mlops.core.models import AuditEntry, Installation, User
from mlops.core.queues import Waiting
from mlops.webhooks.kinds import kind_of
from mlops.webhooks.models.webhook import CLAIMED_FOR, Webhook
from mlops.webhooks.posting import PostOutcome
from mlops.webhooks.states import BACK_OFF, MessageState

PAGE = 500
"""How many entries of the trail are looked at in one transaction."""
KEPT = timedelta(days=30)
"""How long a message that is not on its way any more stays in the log."""
MOST_TRIES_SHOWN = 20
MOST_REPLAYED = 10_000
_MAX_ERROR = 500
_BATCH = 1000


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    def next_for(self, webhook: Webhook, now: datetime) -> "WebhookDelivery | None":
        """Return the message to send now: of each object the oldest comes first."""
        waiting = self.filter(webhook=webhook, state=MessageState.WAITING)
        earlier = waiting.filter(
            object_type=OuterRef("object_type"),
            object_id=OuterRef("object_id"),
            entry__lt=OuterRef("entry"),
        )
        due = waiting.filter(~Exists(earlier), next_at__lte=now)
        return due.order_by("entry").first()

    def waiting(self) -> Waiting:
        """Return what webhooks that are on have not been sent."""
        rows = self.filter(state=MessageState.WAITING, webhook__is_enabled=True)
        return Waiting.of(rows, "created_at")

    def again(self, now: datetime) -> int:
        """Have them sent again from the first try on; return how many."""
        return self.update(
            state=MessageState.WAITING, attempts=0, next_at=now, delivered_at=None
        )

    def prune(self, now: datetime) -> int:
        """Delete messages that ended long ago; return how many."""
        ended = self.exclude(state=MessageState.WAITING)
        old = ended.filter(created_at__lt=now - KEPT).values_list("pk")[:_BATCH]
        return WebhookDelivery.objects.filter(pk__in=[pk for (pk,) in old]).delete()[0]


class WebhookDelivery(models.Model):
    """One event's message to one webhook, as it is sent, with its tries."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    webhook = models.ForeignKey(
        Webhook,
        models.CASCADE,
        related_name="deliveries",
        verbose_name=_("webhook"),
    )
    entry = models.BigIntegerField(_("entry of the audit trail"))
    message_id = models.CharField(_("message"), max_length=64)
    kind = models.CharField(_("kind"), max_length=64)
    object_type = models.CharField(_("kind of object"), max_length=64)
    object_id = models.CharField(_("id"), max_length=256)
    object_name = models.CharField(_("object"), max_length=500, blank=True)
    body = models.TextField(_("body"))
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=MessageState.choices,
        default=MessageState.WAITING,
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_at = models.DateTimeField(_("next try"), default=timezone.now)
    status_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    error = models.CharField(_("error"), max_length=_MAX_ERROR, blank=True)
    tries = models.JSONField(_("log"), default=list)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-entry", "-pk")
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # An event is queued for a webhook once, however many workers look.
            models.UniqueConstraint(
                fields=["webhook", "entry"], name="webhook_delivery_of_entry"
            ),
            # The states that a reader may see.
            models.CheckConstraint(
                condition=models.Q(state__in=MessageState.values),
                name="webhook_delivery_state",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What is due; not partial: SQLite does not match a bound condition.
            models.Index(
                fields=["webhook", "state", "next_at"], name="webhook_deliveries_due"
            ),
            # What waits of one object, the oldest first: `next_for`.
            models.Index(
                fields=["webhook", "state", "object_type", "object_id", "entry"],
                name="webhook_deliveries_in_order",
            ),
            # What ended long ago: `prune`.
            models.Index(fields=["created_at"], name="webhook_deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.object_name} → {self.webhook}"

    @classmethod
    def queue_next(cls, webhook: Webhook) -> bool:
        """Queue what the next entries of the trail tell a webhook.

        Messages and the webhook's new cursor are one transaction: whoever is killed
        leaves neither or both. They are made before it, so that no other write waits,
        and thrown away where the webhook is another by then. Returns whether there may
        be more entries.
        """
        row = Webhook.objects.filter(pk=webhook.pk).first()
        if row is None:
            return False
        page = AuditEntry.objects.filter(pk__gt=row.cursor).order_by("pk")
        entries = list(audit.settled(page).select_related("actor")[:PAGE])
        if not entries:
            return False
        made = cls.of_all(row, entries)
        with transaction.atomic():
            if not row.advance(entries[-1].pk):
                return False
            WebhookDelivery.objects.bulk_create(made, ignore_conflicts=True)
        return len(entries) == PAGE

    @classmethod
    def queue(cls, webhook: Webhook, entries: Iterable[AuditEntry]) -> int:
        """Queue messages of those entries that the webhook wants. Idempotent."""
        made = cls.of_all(webhook, entries)
        WebhookDelivery.objects.bulk_create(made, ignore_conflicts=True)
        return len(made)

    @classmethod
    def of_all(
        cls, webhook: Webhook, entries: Iterable[AuditEntry]
    ) -> "list[WebhookDelivery]":
        """Return the messages, not stored, of those entries that the webhook wants."""
        installation = Installation.current()
        made = (cls.of(webhook, entry, installation) for entry in entries)
        return [one for one in made if one is not None]

    @classmethod
    def of(
        cls, webhook: Webhook, entry: AuditEntry, installation: Installation
    ) -> "WebhookDelivery | None":
        """Return the message of an entry, None where the webhook wants none."""
        kind = kind_of(entry)
        if not webhook.wants(kind.name):
            return None
        message = webhook.wire.message(entry, kind, installation, webhook.events)
        if message is None:
            return None
        return cls(
            webhook=webhook,
            entry=entry.pk,
            message_id=message.id,
            kind=kind.name,
            object_type=entry.object_type,
            object_id=entry.object_id,
            object_name=entry.object_name,
            body=message.body.decode(),
        )

    def begin(self, now: datetime) -> None:
        """Count a try before it is made: one that ends the worker counts as well."""
        self._keep(attempts=self.attempts + 1, next_at=now + CLAIMED_FOR)

    def end(self, outcome: PostOutcome, now: datetime, took_s: float) -> None:
        """Keep what became of a try; try again later, or give up after the last."""
        kept: dict[str, Any] = {
            "status_code": outcome.status,
            "error": outcome.error[:_MAX_ERROR],
            "tries": [*self.tries, _try(outcome, now, took_s)][-MOST_TRIES_SHOWN:],
        }
        if not outcome.error:
            kept |= {"state": MessageState.DELIVERED, "delivered_at": now}
        elif self.attempts > len(BACK_OFF):
            kept |= {"state": MessageState.GIVEN_UP}
        else:
            kept |= {"next_at": now + BACK_OFF[max(self.attempts, 1) - 1]}
        self._keep(**kept)

    def replay(self, *, by: User | None) -> None:
        """Send it again, whatever became of it, under the same id."""
        with transaction.atomic():
            replayed = WebhookDelivery.objects.filter(pk=self.pk)
            replayed.again(timezone.now())
            changes = {"messages": 1, "kind": self.kind, "entry": self.entry}
            audit.record("replay", self.webhook, by=by, changes=changes)
        self.refresh_from_db()

    @classmethod
    def replay_trail(
        cls, webhook: Webhook, *, by: User | None, after: int, until: int | None = None
    ) -> int:
        """Tell entries behind `after` again that the webhook has been past.

        Messages of the log go out as they were; what is not in the log is made anew.
        Returns how many are on their way. Raises Invalid for more than MOST_REPLAYED.
        """
        with transaction.atomic():
            row = Webhook.objects.select_for_update().get(pk=webhook.pk)
            last = row.cursor if until is None else min(until, row.cursor)
            between = {"pk__gt": after, "pk__lte": last}
            page = AuditEntry.objects.filter(**between).select_related("actor")
            entries = list(page.order_by("pk")[: MOST_REPLAYED + 1])
            if len(entries) > MOST_REPLAYED:
                text = f"These are more than {MOST_REPLAYED:,} entries; name fewer."
                raise Invalid(text, field="until")
            cls.queue(row, entries)
            told = WebhookDelivery.objects.filter(webhook=row)
            again = told.filter(entry__gt=after, entry__lte=last)
            count = again.again(timezone.now())
            changes = {"messages": count, "after": after, "until": last}
            audit.record("replay", row, by=by, changes=changes)
        return count

    def _keep(self, **fields: Any) -> None:
        """Write fields; a row that was deleted meanwhile stays so."""
        for name, value in fields.items():
            setattr(self, name, value)
        WebhookDelivery.objects.filter(pk=self.pk).update(**fields)


def _try(outcome: PostOutcome, now: datetime, took_s: float) -> dict[str, Any]:
    return {
        "at": now.isoformat(),
        "status": outcome.status,
        "error": outcome.error[:_MAX_ERROR],
        "took_ms": round(took_s * 1000),
    }
