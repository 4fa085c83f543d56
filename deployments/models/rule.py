"""What an environment asks of a deployment; staff edit these rows in the admin."""

from collections.abc import Mapping
from typing import Any

from django.core.validators import (
    MaxValueValidator,
    MinValueValidator,
    RegexValidator,
)
from django.db import models
from django.utils.translation import gettext_lazy as _

from deployments.errors import ApprovalMissing, VersionArchived
from deployments.states import Environment
from deployments.wake import wake_on_commit
from lifecycle.models import ModelVersion
from lifecycle.states import ModelStage


class EnvironmentRule(models.Model):
    """The rules of one environment.

    Error rates are fractions in [0, 1]; `min_requests` is how many requests of the last
    minutes it takes before their rate or latency says anything. `deployments.judge`
    says what undoes a version: these limits, and the version before it.
    """

    environment = models.CharField(
        _("environment"), max_length=16, choices=Environment.choices, primary_key=True
    )
    needs_approval = models.BooleanField(_("needs approval"), default=False)
    author_may_approve = models.BooleanField(_("author may approve"), default=True)
    needs_passed_checklist = models.BooleanField(
        _("needs a passed checklist"), default=False
    )
    allows_pickle = models.BooleanField(
        _("allows formats that run code"), default=False
    )
    interpreter = models.CharField(
        _("Python for models that are code"),
        max_length=500,
        blank=True,
        validators=[
            RegexValidator(
                r"^/[^\0]*$", _("Give the whole path of an interpreter, from / on.")
            )
        ],
        help_text=_(
            "The path, on the machine that serves, of the python of an environment "
            "with the models' packages, such as /srv/churn/bin/python; 3.11 or newer, "
            "with numpy. Empty for the one that this program runs in. It holds for "
            "what starts from then on."
        ),
    )
    converts_to_onnx = models.BooleanField(
        _("converts scikit-learn models to ONNX"), default=False
    )
    progress_deadline_s = models.PositiveIntegerField(
        _("progress deadline (s)"), default=300
    )
    bake_s = models.PositiveIntegerField(_("bake time (s)"), default=60)
    rolls_back_by_itself = models.BooleanField(_("rolls back by itself"), default=False)
    max_error_rate = models.FloatField(
        _("highest error rate"),
        default=0.05,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
    )
    max_non_finite_rate = models.FloatField(
        _("highest share of NaN and infinity"),
        default=0.05,
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_(
            "The share of requests, in [0, 1], that may be answered with a number that "
            "is not finite; empty where that is an ordinary answer."
        ),
    )
    max_p95_ms = models.FloatField(_("highest p95 (ms)"), null=True, blank=True)
    min_requests = models.PositiveIntegerField(_("fewest requests"), default=20)
    sample_rate = models.FloatField(
        _("share of requests kept"),
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(1.0)],
        help_text=_(
            "A fraction in [0, 1]. Inputs of kept requests are stored, to compare "
            "them with the training data; 0 keeps none."
        ),
    )
    sample_days = models.PositiveSmallIntegerField(
        _("days they are kept"), default=30, validators=[MinValueValidator(1)]
    )
    sample_max_mb = models.PositiveIntegerField(
        _("most of them per deployment (MB)"),
        default=64,
        validators=[MinValueValidator(1)],
    )

    class Meta:
        ordering = ("environment",)
        verbose_name = _("environment rule")
        verbose_name_plural = _("environment rules")

    def __str__(self) -> str:
        return self.environment

    def save(self, **options: Any) -> None:
        """Save, and wake the worker to apply it."""
        super().save(**options)
        wake_on_commit()

    @classmethod
    def among(
        cls, rules: Mapping[str, "EnvironmentRule"], environment: str
    ) -> "EnvironmentRule":
        """Return an environment's rule of those read; without a row, the defaults."""
        return rules.get(environment) or cls(environment=environment)

    @classmethod
    def of(cls, environment: str) -> "EnvironmentRule":
        """Return the environment's rule; without a row, the defaults."""
        found = cls.objects.filter(pk=environment).first()
        return found or cls(environment=environment)

    def require(self, version: ModelVersion) -> None:
        """Raise what keeps the version from coming here, if anything does.

        ApprovalMissing, VersionArchived, or where an approval is needed also
        DataQualityFailed: an approval stands on its data.

        Asked when a deployment is requested and again at each step, so that a rule
        or an approval that changes meanwhile counts.
        """
        if version.stage == ModelStage.ARCHIVED:
            raise VersionArchived(f"{version} is archived.", field="model_version")
        if self.needs_approval:
            self._require_approval(version)
            version.require_sound_data()
        if self.needs_passed_checklist and not version.has_passed_checklist:
            raise ApprovalMissing(
                f"{self.environment} needs a checklist of {version} with every item "
                "passed.",
                field="environment",
            )

    def _require_approval(self, version: ModelVersion) -> None:
        if not version.is_approved:
            raise ApprovalMissing(
                f"{self.environment} needs an approval of {version}.",
                field="environment",
            )
        by_author = (
            version.approved_by_id is not None
            and version.approved_by_id == version.created_by_id
        )
        if by_author and not self.author_may_approve:
            raise ApprovalMissing(
                f"{self.environment} needs an approval of {version} by somebody else "
                "than its author.",
                field="environment",
            )
