"""A drift event: a model version met data or results unlike what it was built on."""

import uuid
from typing import ClassVar, NotRequired, TypedDict, Unpack

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from lifecycle.models.version import ModelVersion
from lifecycle.states import DriftSeverity
from mlops.core import audit
from mlops.core.models import User


class DriftObservation(TypedDict):
    """A metric that left its bounds, and what to do about it."""

    severity: str
    metric_name: str
    metric_value: float
    threshold: NotRequired[float | None]
    message: NotRequired[str | None]
    remediation_action: NotRequired[str | None]


class DriftEvent(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(
        ModelVersion, models.CASCADE, related_name="drift_events"
    )
    severity = models.CharField(
        _("severity"), max_length=8, choices=DriftSeverity.choices
    )
    metric_name = models.CharField(_("metric"), max_length=250)
    metric_value = models.FloatField(_("value"))
    threshold = models.FloatField(_("threshold"), null=True, blank=True)
    message = models.TextField(_("message"), null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    remediation_action = models.TextField(_("remedy"), null=True, blank=True)  # noqa: DJ001 - as above
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    detected_at = models.DateTimeField(_("detected"), auto_now_add=True)

    class Meta:
        ordering = ("-detected_at", "-pk")
        verbose_name = _("drift event")
        verbose_name_plural = _("drift events")
        indexes: ClassVar[list[models.Index]] = [
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-detected_at", "-id"], name="newest_drift_events")
        ]

    def __str__(self) -> str:
        return f"{self.metric_name} of {self.version}"

    @classmethod
    def note(
        cls,
        version: ModelVersion,
        *,
        by: User | None,
        **observed: Unpack[DriftObservation],
    ) -> "DriftEvent":
        """Record what was observed; the event's time is now."""
        with transaction.atomic():
            event = cls.objects.create(version=version, recorded_by=by, **observed)
            audit.record(
                "note", event, by=by, changes={"severity": observed["severity"]}
            )
        return event
