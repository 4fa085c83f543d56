"""A model as a run logged it (MLflow 3), before anybody registers it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lifecycle.states import LoggedModelStatus


class LoggedModel(models.Model):
    """A logged model; its id is `m-` and 32 hexadecimal digits.

    `source_run_label` is the run id a client named when no such run is here.
    """

    id = models.CharField(primary_key=True, max_length=34)
    experiment = models.ForeignKey(
        "lifecycle.Experiment", models.CASCADE, related_name="logged_models"
    )
    name = models.CharField(_("name"), max_length=500)
    source_run = models.ForeignKey(
        "lifecycle.Run", models.SET_NULL, null=True, related_name="logged_models"
    )
    source_run_label = models.CharField(max_length=256, blank=True)
    model_type = models.CharField(_("type"), max_length=500, blank=True)
    status = models.CharField(
        _("status"),
        max_length=8,
        choices=LoggedModelStatus.choices,
        default=LoggedModelStatus.PENDING,
    )
    status_message = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_ms = models.BigIntegerField(_("created"))
    updated_ms = models.BigIntegerField(_("updated"))
    deleted_ms = models.BigIntegerField(_("deleted"), null=True)

    class Meta:
        ordering = ("-created_ms", "id")
        verbose_name = _("logged model")
        verbose_name_plural = _("logged models")

    def __str__(self) -> str:
        return self.name


class LoggedModelTag(models.Model):
    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        verbose_name = _("logged model tag")
        verbose_name_plural = _("logged model tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once; the second one replaces.
            models.UniqueConstraint(fields=["model", "key"], name="logged_model_tag")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class LoggedModelParam(models.Model):
    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="params")
    key = models.CharField(max_length=250)
    value = models.TextField()

    class Meta:
        verbose_name = _("logged model parameter")
        verbose_name_plural = _("logged model parameters")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once.
            models.UniqueConstraint(fields=["model", "key"], name="logged_model_param")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class LoggedModelMetric(models.Model):
    """A metric that a run logged about a model, on a dataset where one was named."""

    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="metrics")
    run = models.ForeignKey("lifecycle.Run", models.CASCADE, related_name="+")
    key = models.CharField(max_length=250)
    step = models.BigIntegerField()
    timestamp_ms = models.BigIntegerField()
    value = models.FloatField()
    is_nan = models.BooleanField(default=False)
    dataset_name = models.CharField(max_length=500, blank=True)
    dataset_digest = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name = _("logged model metric")
        verbose_name_plural = _("logged model metrics")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A point that is sent again is the same row.
            models.UniqueConstraint(
                fields=["model", "key", "timestamp_ms", "step", "run"],
                name="logged_model_metric",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class RunOutput(models.Model):
    """A run produced this logged model at a step."""

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="outputs", db_index=False
    )
    model = models.ForeignKey(LoggedModel, models.CASCADE, related_name="outputs")
    step = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("run output")
        verbose_name_plural = _("run outputs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Said twice is said once.
            models.UniqueConstraint(fields=["run", "model"], name="run_output")
        ]

    def __str__(self) -> str:
        return f"{self.run} → {self.model}"
