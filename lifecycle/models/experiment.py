"""An experiment groups runs that try to answer one question."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.states import ExperimentStatus


class Experiment(models.Model):
    """A named group of runs. Its decimal id is the one the MLflow client sees.

    `artifact_label` is a remote address where clients keep artifacts themselves;
    it is a label that nothing here opens. Empty: artifacts are kept here.
    """

    name = models.CharField(_("name"), max_length=500, unique=True)
    description = models.TextField(_("description"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="experiments",
        verbose_name=_("owner"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=ExperimentStatus.choices,
        default=ExperimentStatus.ACTIVE,
    )
    metadata = models.JSONField(_("metadata"), default=dict, blank=True)
    artifact_label = models.CharField(
        _("remote artifact location"), max_length=2000, blank=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    deleted_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("experiment")
        verbose_name_plural = _("experiments")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=ExperimentStatus.values),
                name="experiment_status",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ExperimentTag(models.Model):
    """A key with a value. A REST tag `a` is the key a with "", `a=b` a with b."""

    experiment = models.ForeignKey(
        Experiment, models.CASCADE, related_name="tags", db_index=False
    )
    key = models.ForeignKey("lifecycle.Key", models.PROTECT, related_name="+")
    value = models.TextField(_("value"), blank=True)

    class Meta:
        verbose_name = _("experiment tag")
        verbose_name_plural = _("experiment tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["experiment", "key"], name="experiment_tag_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
