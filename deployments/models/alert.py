"""Webhooks for events of drift and datasets, and deliveries of their messages."""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.models import DatasetEvent
from deployments.states import DeliveryState
from lifecycle.models import DriftEvent
from lifecycle.states import DriftSeverity
from mlops.core import audit, sealing
from mlops.core.models import User
from mlops.core.queues import Waiting

NEWS_AGE = timedelta(days=1)
"""An event that was not sent for so long is no alert any more."""
BACK_OFF = tuple(timedelta(seconds=s) for s in (30, 120, 600, 3600, 21_600))
"""How long to wait after each failure; after the last one it is given up."""
CLAIMED_FOR = timedelta(seconds=60)
"""How long a claimed message is left to the one that claimed it."""


def new_sealed_secret() -> str:
    """Return a new secret, encrypted."""
    return sealing.close(secrets.token_urlsafe(32))


def derived_secret(hook: uuid.UUID) -> str:
    """Return the secret that followed from the server's secret key until 0.9."""
    made = hmac.new(
        settings.SECRET_KEY.encode(), b"alert-hook:" + hook.bytes, hashlib.sha256
    )
    return base64.urlsafe_b64encode(made.digest()).decode().rstrip("=")


class AlertHook(models.Model):
    """A webhook for events, configured by admins only.

    Bodies are signed with a secret of the hook's own, which is stored encrypted
    (`mlops.core.sealing`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    url = models.CharField(_("address"), max_length=1000)
    least_severity = models.CharField(
        _("from severity"),
        max_length=8,
        choices=DriftSeverity.choices,
        default=DriftSeverity.MEDIUM,
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    sealed_secret = models.TextField(
        default=new_sealed_secret, db_default="", editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("name",)
        verbose_name = _("alert hook")
        verbose_name_plural = _("alert hooks")

    def __str__(self) -> str:
        return self.name

    @property
    def secret(self) -> str:
        """What the receiver checks signatures with. Raises KeyMissing."""
        if self.sealed_secret:
            return sealing.open_closed(self.sealed_secret)
        # Of a hook that code from before it had a secret of its own has made.
        return derived_secret(self.pk)

    def signature(self, body: bytes, at: datetime) -> str:
        """Return `t=<seconds>,v1=<hex>`: HMAC-SHA256 of `<seconds>.<body>`."""
        moment = str(int(at.timestamp()))
        signed = moment.encode() + b"." + body
        digest = hmac.new(self.secret.encode(), signed, hashlib.sha256).hexdigest()
        return f"t={moment},v1={digest}"

    def unsent_events(self, now: datetime) -> models.QuerySet[DriftEvent]:
        """Events of the last day that are not queued for this hook yet."""
        delivered = AlertDelivery.objects.filter(hook=self, event=OuterRef("pk"))
        return DriftEvent.objects.filter(
            ~Exists(delivered),
            severity__in=self._severe_enough,
            detected_at__gte=max(self.created_at, now - NEWS_AGE),
        ).order_by("detected_at", "pk")

    def unsent_dataset_events(self, now: datetime) -> models.QuerySet[DatasetEvent]:
        """As `unsent_events`, of what new versions did to columns and features."""
        delivered = AlertDelivery.objects.filter(
            hook=self, dataset_event=OuterRef("pk")
        )
        return DatasetEvent.objects.filter(
            ~Exists(delivered),
            severity__in=self._severe_enough,
            created_at__gte=max(self.created_at, now - NEWS_AGE),
        ).order_by("created_at", "pk")

    @property
    def _severe_enough(self) -> list[str]:
        severities = list(DriftSeverity.values)
        return severities[severities.index(self.least_severity) :]


class AlertDeliveryQuerySet(models.QuerySet["AlertDelivery"]):
    def due(self, now: datetime) -> Self:
        """What is to be sent (again) now, the longest waiting first."""
        waiting = self.filter(state=DeliveryState.WAITING, hook__is_enabled=True)
        return waiting.filter(next_at__lte=now).order_by("next_at", "pk")

    def waiting(self) -> Waiting:
        """Return what hooks that are on have not been sent."""
        rows = self.filter(state=DeliveryState.WAITING, hook__is_enabled=True)
        return Waiting.of(rows, "created_at")

    def queue(
        self,
        hook: AlertHook,
        events: Iterable[DriftEvent | DatasetEvent],
        now: datetime,
    ) -> None:
        """Queue messages of these events for the hook. Idempotent."""
        self.bulk_create(
            [
                AlertDelivery(
                    hook=hook,
                    event=event if isinstance(event, DriftEvent) else None,
                    dataset_event=event if isinstance(event, DatasetEvent) else None,
                    next_at=now,
                )
                for event in events
            ],
            ignore_conflicts=True,
        )


class AlertDelivery(models.Model):
    """One event's message to one hook, with its attempts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    hook = models.ForeignKey(
        AlertHook,
        models.CASCADE,
        related_name="deliveries",
        verbose_name=_("alert hook"),
    )
    event = models.ForeignKey(
        DriftEvent,
        models.CASCADE,
        null=True,
        related_name="deliveries",
        verbose_name=_("drift event"),
    )
    dataset_event = models.ForeignKey(
        DatasetEvent,
        models.CASCADE,
        null=True,
        related_name="deliveries",
        verbose_name=_("dataset event"),
    )
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=DeliveryState.choices,
        default=DeliveryState.WAITING,
    )
    attempts = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_at = models.DateTimeField(_("next try"), default=timezone.now)
    status_code = models.PositiveSmallIntegerField(_("answer"), null=True)
    error = models.CharField(_("error"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    delivered_at = models.DateTimeField(_("delivered"), null=True)

    objects = AlertDeliveryQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("alert delivery")
        verbose_name_plural = _("alert deliveries")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # An event is queued for a hook once, however many workers look.
            models.UniqueConstraint(fields=["hook", "event"], name="alert_delivery"),
            # As above, of a dataset's events.
            models.UniqueConstraint(
                fields=["hook", "dataset_event"], name="alert_delivery_of_dataset"
            ),
            # A message is about one event, of either kind.
            models.CheckConstraint(
                condition=Q(event=None) ^ Q(dataset_event=None),
                name="alert_delivery_of_one_event",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Not partial: SQLite does not match a condition with bound parameters.
            models.Index(fields=["state", "next_at"], name="alert_deliveries_due")
        ]

    def __str__(self) -> str:
        return f"{self.event or self.dataset_event} → {self.hook}"

    def claim(self, now: datetime) -> bool:
        """Claim the message for an attempt; False when another worker has."""
        mine = AlertDelivery.objects.filter(
            pk=self.pk, attempts=self.attempts, state=DeliveryState.WAITING
        )
        won = mine.update(attempts=F("attempts") + 1, next_at=now + CLAIMED_FOR)
        self.refresh_from_db()
        return bool(won)

    def succeed(self, status_code: int, now: datetime) -> None:
        self._keep(
            state=DeliveryState.DELIVERED,
            status_code=status_code,
            error="",
            delivered_at=now,
        )

    def fail(self, error: str, now: datetime, *, status_code: int | None) -> None:
        """Record the error; retry later, or give up after the last attempt."""
        is_last = self.attempts > len(BACK_OFF)
        wait = BACK_OFF[min(self.attempts, len(BACK_OFF)) - 1]
        self._keep(
            state=DeliveryState.GIVEN_UP if is_last else DeliveryState.WAITING,
            status_code=status_code,
            error=error[:500],
            next_at=now + wait,
        )

    def send_again(self, *, by: User | None) -> None:
        """Start over, whatever became of it."""
        with transaction.atomic():
            self._keep(state=DeliveryState.WAITING, attempts=0, next_at=timezone.now())
            audit.record("send_again", self, by=by)

    @property
    def message(self) -> dict[str, Any]:
        """What is sent: the event as the API shows it, and which message it is."""
        about: dict[str, Any] = {}
        if self.event is not None:
            about = {"type": "drift_event", "event": _drift_event(self.event)}
        elif self.dataset_event is not None:
            about = {
                "type": "dataset_event",
                "event": _dataset_event(self.dataset_event),
            }
        return {"id": str(self.pk), **about}

    def _keep(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
        self.save(update_fields=list(fields))


def _drift_event(event: DriftEvent) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "model_name": event.version.model.name,
        "version": event.version.version,
        "severity": event.severity,
        "metric_name": event.metric_name,
        "metric_value": event.metric_value,
        "threshold": event.threshold,
        "message": event.message,
        "detected_at": event.detected_at.isoformat(),
    }


def _dataset_event(event: DatasetEvent) -> dict[str, Any]:
    return {
        "id": str(event.pk),
        "kind": event.kind,
        "dataset_name": event.dataset_name,
        "version": event.version_number,
        "feature_name": event.feature.feature_name if event.feature else None,
        "severity": event.severity,
        "columns": event.columns,
        "message": event.message,
        "created_at": event.created_at.isoformat(),
    }
