"""A run and what it logs, in tables that an index can walk.

Times that the MLflow protocol carries are kept as it sends them: whole
milliseconds since 1970 in UTC (`*_ms`). A foreign key that leads a unique
constraint has no index of its own: each index is paid for at every logged point.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Left
from django.utils.translation import gettext_lazy as _

from lifecycle.states import RunStatus

INDEXED_CHARACTERS = 200


class Key(models.Model):
    """The name of a metric, parameter or tag, stored once."""

    name = models.CharField(_("name"), max_length=500, unique=True)

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One execution of a training program.

    `user_label` is what an MLflow client calls its user: shown and searched there,
    and never an identity (that is `created_by`).
    """

    uid = models.CharField(_("run id"), max_length=256, unique=True)
    experiment = models.ForeignKey(
        "lifecycle.Experiment", models.CASCADE, related_name="runs"
    )
    name = models.CharField(_("name"), max_length=500, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="runs"
    )
    user_label = models.CharField(
        _("user as the client says"), max_length=256, blank=True
    )
    status = models.CharField(
        _("status"), max_length=16, choices=RunStatus.choices, default=RunStatus.RUNNING
    )
    notes = models.TextField(_("notes"), null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    started_ms = models.BigIntegerField(_("started"))
    ended_ms = models.BigIntegerField(_("ended"), null=True)
    deleted_ms = models.BigIntegerField(_("deleted"), null=True)

    class Meta:
        ordering = ("-started_ms", "uid")
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                F("experiment"), F("started_ms").desc(), F("uid"), name="run_newest"
            )
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=RunStatus.values), name="run_status"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.uid


class MetricPoint(models.Model):
    """One value of a metric at a step. NaN is `is_nan` with the value 0.

    `dataset` tells apart the same metric on several datasets ("" if it was not
    said). The same point again is the same row.
    """

    run = models.ForeignKey(
        Run, models.CASCADE, related_name="metric_points", db_index=False
    )
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    dataset = models.CharField(_("dataset"), max_length=500, blank=True)
    step = models.BigIntegerField(_("step"))
    timestamp_ms = models.BigIntegerField(_("time"))
    value = models.FloatField(_("value"))
    is_nan = models.BooleanField(_("not a number"), default=False)

    class Meta:
        verbose_name = _("metric point")
        verbose_name_plural = _("metric points")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=[
                    "run",
                    "key",
                    "dataset",
                    "step",
                    "timestamp_ms",
                    "value",
                    "is_nan",
                ],
                name="metric_point",
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}@{self.step}"


class LatestMetric(models.Model):
    """The newest point of a metric: the largest (step, time, value)."""

    run = models.ForeignKey(
        Run, models.CASCADE, related_name="latest_metrics", db_index=False
    )
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    dataset = models.CharField(_("dataset"), max_length=500, blank=True)
    step = models.BigIntegerField(_("step"))
    timestamp_ms = models.BigIntegerField(_("time"))
    value = models.FloatField(_("value"))
    is_nan = models.BooleanField(_("not a number"), default=False)

    class Meta:
        verbose_name = _("latest metric")
        verbose_name_plural = _("latest metrics")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["run", "key", "dataset"], name="latest_metric"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["key", "is_nan", "value", "run"], name="latest_metric_walk"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class Param(models.Model):
    """A parameter, written once. `is_json` marks text that holds a JSON value."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="params", db_index=False)
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    value = models.TextField(_("value"))
    is_json = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("parameter")
        verbose_name_plural = _("parameters")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "key"], name="param_key")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                F("key"), Left("value", INDEXED_CHARACTERS), F("run"), name="param_walk"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class RunTag(models.Model):
    """A key with a value. A REST tag `a` is the key a with "", `a=b` a with b."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="tags", db_index=False)
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    value = models.TextField(_("value"), blank=True)

    class Meta:
        verbose_name = _("run tag")
        verbose_name_plural = _("run tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "key"], name="run_tag_key")
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                F("key"), Left("value", INDEXED_CHARACTERS), F("run"), name="tag_walk"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class InputDataset(models.Model):
    """A dataset as a run named it; linked to the catalogue when it is known there."""

    experiment = models.ForeignKey(
        "lifecycle.Experiment", models.CASCADE, related_name="input_datasets"
    )
    name = models.CharField(_("name"), max_length=500)
    digest = models.CharField(_("digest"), max_length=100)
    source_type = models.CharField(max_length=36, blank=True)
    source = models.TextField(blank=True)
    schema = models.TextField(blank=True)
    profile = models.TextField(blank=True)
    version = models.ForeignKey(
        "datasets.DatasetVersion",
        models.SET_NULL,
        null=True,
        related_name="run_inputs",
        verbose_name=_("dataset version"),
    )

    class Meta:
        verbose_name = _("input dataset")
        verbose_name_plural = _("input datasets")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["experiment", "name", "digest"], name="input_dataset"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.digest})"


class RunInput(models.Model):
    """A run read this dataset; tags say what for (`mlflow.data.context`)."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="inputs", db_index=False)
    dataset = models.ForeignKey(InputDataset, models.CASCADE, related_name="uses")
    tags = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name = _("run input")
        verbose_name_plural = _("run inputs")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["run", "dataset"], name="run_input")
        ]

    def __str__(self) -> str:
        return f"{self.run} ← {self.dataset}"
