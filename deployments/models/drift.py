"""Drift of a deployment's requests from its model's training data."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.analytics.drift import Thresholds
from datasets.analytics.errors import AnalyticsError
from datasets.models import DatasetVersion
from deployments.models.deployment import Deployment
from deployments.states import DriftSubject, Environment
from lifecycle.models import DriftEvent
from lifecycle.states import DriftSeverity
from mlops.core import audit
from mlops.core.models import User
from mlops.core.models.nul_safe import NulSafeJSONField, NulSafeTextField

DAY_S = 86_400
LONGEST_S = 90 * DAY_S
KEPT = timedelta(days=90)
REMEDY = "Look at the data; train again on newer data if the world has changed."
SEVERITIES = tuple(DriftSeverity.values)


class DriftRule(models.Model):
    """Drift monitoring of an environment; staff edit these rows in the admin.

    Times are seconds. `thresholds` maps a check to [warning, drift] and leaves the
    others as `datasets.analytics.drift.Thresholds` has them.
    """

    environment = models.CharField(
        _("environment"), max_length=16, choices=Environment.choices, primary_key=True
    )
    watches_requests = models.BooleanField(_("watches live requests"), default=True)
    watches_datasets = models.BooleanField(_("watches new data"), default=True)
    every_s = models.PositiveIntegerField(
        _("checks every (s)"), default=3600, validators=[MinValueValidator(10)]
    )
    window_s = models.PositiveIntegerField(
        _("of the last (s)"),
        default=DAY_S,
        validators=[MinValueValidator(60), MaxValueValidator(LONGEST_S)],
    )
    thresholds = models.JSONField(
        _("thresholds"),
        default=dict,
        blank=True,
        help_text=_('Such as {"psi": [0.1, 0.25]}: from where on warned, drifted.'),
    )

    class Meta:
        ordering = ("environment",)
        verbose_name = _("drift rule")
        verbose_name_plural = _("drift rules")

    def __str__(self) -> str:
        return self.environment

    @classmethod
    def of(cls, environment: str) -> "DriftRule":
        """Return the rule; an environment without a row has the default one."""
        found = cls.objects.filter(pk=environment).first()
        return found or cls(environment=environment)

    def clean(self) -> None:
        """Refuse thresholds that mean nothing."""
        if not isinstance(self.thresholds, dict):
            raise ValidationError({"thresholds": _("This is no JSON object.")})
        try:
            _bounds = self.bounds
        except AnalyticsError as error:
            raise ValidationError({"thresholds": error.message}) from None

    @property
    def bounds(self) -> Thresholds:
        return Thresholds.of(self.thresholds)


REMOVED, RETYPED = "removed", "type"
_MOVED = "{column} of {where} has moved away from {norm}"
_MESSAGES = {
    REMOVED: "{column} of {norm} is gone from {where}",
    RETYPED: "{column} of {where} holds another kind of values than in {norm}",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The worst check of a column that moved, and how bad that is."""

    column: str
    check: str
    value: float
    threshold: float
    severity: str

    def is_news_after(self, earlier: "Finding | None") -> bool:
        """Whether this is worse than what the check before has found."""
        if earlier is None:
            return True
        return SEVERITIES.index(self.severity) > SEVERITIES.index(earlier.severity)


class DriftCheckQuerySet(models.QuerySet["DriftCheck"]):
    def of_version(self, deployment: Deployment, subject: str) -> Self:
        """Checks of this subject of every deployment of the same model version."""
        return self.filter(
            deployment__model_version_id=deployment.model_version_id, subject=subject
        )

    def forget_before(self, moment: datetime, deployment: Deployment) -> None:
        """Delete old checks of a deployment; the events that they noted stay."""
        self.filter(deployment=deployment, created_at__lt=moment).delete()

    def with_names(self) -> Self:
        return self.select_related(
            "deployment__slot__model",
            "deployment__model_version",
            "reference__dataset",
            "current__dataset",
        )


class DriftCheck(models.Model):
    """A comparison of a deployment's training data with later data.

    That is live requests of [since, until), or (`current`) a later version of the
    same dataset. `error` says why there was nothing to compare. A finding that is
    new or worse than in the check before became a DriftEvent, which is in `events`.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    deployment = models.ForeignKey(
        "deployments.Deployment", models.CASCADE, related_name="drift_checks"
    )
    subject = models.CharField(
        _("compared with"), max_length=16, choices=DriftSubject.choices
    )
    reference = models.ForeignKey(
        DatasetVersion,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("training data"),
    )
    current = models.ForeignKey(
        DatasetVersion,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("newer data"),
    )
    since = models.DateTimeField(_("since"), null=True)
    until = models.DateTimeField(_("until"), null=True)
    row_count = models.PositiveBigIntegerField(_("rows"), default=0)
    level = models.CharField(_("level"), max_length=16, blank=True)
    findings = NulSafeJSONField(_("findings"), default=list)
    body = NulSafeJSONField(_("report"), default=dict)
    error = NulSafeTextField(_("error"), blank=True)
    events = models.ManyToManyField(
        DriftEvent, related_name="checks", verbose_name=_("drift events")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("checked"), default=timezone.now)

    objects = DriftCheckQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("drift check")
        verbose_name_plural = _("drift checks")
        indexes: ClassVar[list[models.Index]] = [
            # The newest checks of a deployment and subject: its page, and the schedule.
            models.Index(
                fields=["deployment", "subject", "-created_at"], name="drift_checks"
            )
        ]

    def __str__(self) -> str:
        return f"{self.deployment}: {self.level or self.error}"

    @classmethod
    def write(
        cls,
        deployment: Deployment,
        subject: DriftSubject,
        findings: Sequence[Finding],
        *,
        by: User | None,
        **fields: Any,
    ) -> "DriftCheck":
        """Keep a comparison and note its news as DriftEvents, all or nothing.

        News is what is new, or worse than in the last comparison of this model
        version: an hourly check of a column that stays away tells of it once.
        """
        with transaction.atomic():
            before = cls.objects.of_version(deployment, subject).filter(error="")
            last = before.first()
            check = cls.objects.create(
                deployment=deployment,
                subject=subject,
                findings=[asdict(one) for one in findings],
                created_by=by,
                **fields,
            )
            cls.objects.forget_before(check.created_at - KEPT, deployment)
            check.events.set(check.note_news(last.found if last else {}, findings, by))
            if by is not None:
                audit.record("check_drift", deployment, by=by)
        return check

    @classmethod
    def give_up(
        cls,
        deployment: Deployment,
        subject: DriftSubject,
        error: str,
        **fields: Any,
    ) -> "DriftCheck":
        """Keep that a scheduled comparison could not be made, and why."""
        return cls.objects.create(
            deployment=deployment, subject=subject, error=error[:2000], **fields
        )

    def note_news(
        self, before: dict[str, Finding], findings: Iterable[Finding], by: User | None
    ) -> list[DriftEvent]:
        """Record an event for each finding that the checks before did not have."""
        news = [one for one in findings if one.is_news_after(before.get(one.column))]
        return [
            DriftEvent.note(
                self.deployment.model_version,
                by=by,
                severity=one.severity,
                metric_name=f"{one.check}.{one.column}"[:250],
                metric_value=one.value,
                threshold=one.threshold,
                message=_MESSAGES.get(one.check, _MOVED).format(
                    column=one.column, where=self.compared_with, norm=self.reference
                )
                + f" ({self.deployment}).",
                remediation_action=REMEDY,
            )
            for one in news
        ]

    @property
    def found(self) -> dict[str, Finding]:
        """The findings by column."""
        return {one["column"]: Finding(**one) for one in self.findings}

    @property
    def compared_with(self) -> str:
        """Description of the data that was compared."""
        if self.current is not None:
            return str(self.current)
        return f"{self.row_count} rows of requests" if self.since else ""
