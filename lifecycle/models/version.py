"""A version of a model: what was trained, who vouches for it, where it stands."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lifecycle.states import ChecklistStatus, ModelStage


class ModelVersion(models.Model):
    """A version of a registered model.

    `version` is the label that people use, `number` counts per model and is what
    the MLflow door speaks; a version made there has both equal. `run_label` is the
    run id a client named when no such run is here.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.ForeignKey(
        "lifecycle.RegisteredModel", models.CASCADE, related_name="versions"
    )
    version = models.CharField(_("version"), max_length=100)
    number = models.PositiveIntegerField(_("number"))
    run = models.ForeignKey(
        "lifecycle.Run", models.SET_NULL, null=True, related_name="model_versions"
    )
    logged_model = models.ForeignKey(
        "lifecycle.LoggedModel",
        models.SET_NULL,
        null=True,
        related_name="model_versions",
    )
    artifact = models.ForeignKey(
        "lifecycle.Artifact",
        models.PROTECT,
        null=True,
        related_name="model_versions",
        verbose_name=_("servable artifact"),
    )
    artifact_path = models.CharField(_("artifact path"), max_length=1000, blank=True)
    source = models.CharField(_("source label"), max_length=2000, blank=True)
    run_label = models.CharField(max_length=256, blank=True)
    run_link = models.CharField(max_length=500, blank=True)
    stage = models.CharField(
        _("stage"),
        max_length=16,
        choices=ModelStage.choices,
        default=ModelStage.EXPERIMENTAL,
    )
    has_stage = models.BooleanField(default=False, editable=False)
    description = models.TextField(_("description"), blank=True)
    framework = models.CharField(_("framework"), max_length=100, blank=True)
    hyperparameters = models.JSONField(_("hyperparameters"), null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="model_versions",
        verbose_name=_("author"),
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="approved_versions",
        verbose_name=_("approved by"),
    )
    approved_at = models.DateTimeField(_("approved"), null=True, editable=False)
    approval_notes = models.TextField(_("approval notes"), blank=True)
    rollback_notes = models.TextField(_("rollback notes"), null=True, editable=False)  # noqa: DJ001 - the contract tells null from ""
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        permissions = (
            ("approve_modelversion", "Can approve a model version"),
            ("promote_modelversion", "Can move a model version to another stage"),
        )
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["model", "version"], name="model_version_label"
            ),
            models.UniqueConstraint(
                fields=["model", "number"], name="model_version_number"
            ),
            models.CheckConstraint(
                condition=Q(stage__in=ModelStage.values), name="model_version_stage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


class VersionMetric(models.Model):
    """A figure that was recorded when the version was registered."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="metrics")
    name = models.CharField(_("metric"), max_length=250)
    value = models.FloatField(_("value"))
    dataset = models.CharField(_("dataset"), max_length=500, null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""

    class Meta:
        ordering = ("pk",)
        verbose_name = _("metric of a version")
        verbose_name_plural = _("metrics of a version")

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


class ModelVersionTag(models.Model):
    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        verbose_name = _("model version tag")
        verbose_name_plural = _("model version tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "key"], name="model_version_tag")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class ChecklistItem(models.Model):
    """One thing to be checked before the version may go further."""

    version = models.ForeignKey(ModelVersion, models.CASCADE, related_name="checklist")
    position = models.PositiveIntegerField(default=0)
    name = models.CharField(_("name"), max_length=200)
    status = models.CharField(
        _("status"),
        max_length=8,
        choices=ChecklistStatus.choices,
        default=ChecklistStatus.PENDING,
    )
    note = models.TextField(_("note"), null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    completed_at = models.DateTimeField(_("completed"), null=True, blank=True)

    class Meta:
        ordering = ("position", "pk")
        verbose_name = _("checklist item")
        verbose_name_plural = _("checklist items")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "name"], name="checklist_name")
        ]

    def __str__(self) -> str:
        return self.name


class StageChange(models.Model):
    """A version moved from one stage to another: who, when and why."""

    version = models.ForeignKey(
        ModelVersion, models.CASCADE, related_name="stage_changes"
    )
    from_stage = models.CharField(_("from"), max_length=16, choices=ModelStage.choices)
    to_stage = models.CharField(_("to"), max_length=16, choices=ModelStage.choices)
    reason = models.TextField(_("reason"), blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(_("changed"), auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("stage change")
        verbose_name_plural = _("stage changes")

    def __str__(self) -> str:
        return f"{self.version}: {self.from_stage} → {self.to_stage}"
