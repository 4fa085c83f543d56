"""What an environment asks of a deployment; staff edit these rows in the admin."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from deployments.states import Environment


class EnvironmentRule(models.Model):
    """The rules of one environment."""

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
    max_p95_ms = models.FloatField(_("highest p95 (ms)"), null=True, blank=True)
    min_requests = models.PositiveIntegerField(_("fewest requests"), default=20)

    class Meta:
        ordering = ("environment",)
        verbose_name = _("environment rule")
        verbose_name_plural = _("environment rules")

    def __str__(self) -> str:
        return self.environment
