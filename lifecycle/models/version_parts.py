"""Child rows of a model version: metrics, tags, checklist, stage history."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from lifecycle.states import ChecklistStatus, ModelStage


class VersionMetric(models.Model):
    """A figure that was recorded when the version was registered."""

    version = models.ForeignKey(
        "lifecycle.ModelVersion", models.CASCADE, related_name="metrics"
    )
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
    version = models.ForeignKey(
        "lifecycle.ModelVersion", models.CASCADE, related_name="tags"
    )
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        verbose_name = _("model version tag")
        verbose_name_plural = _("model version tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once; the second one replaces.
            models.UniqueConstraint(fields=["version", "key"], name="model_version_tag")
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class ChecklistQuerySet(models.QuerySet["ChecklistItem"]):
    def unpassed(self) -> Self:
        """Items that are pending or failed, in the order of the list."""
        return self.exclude(status=ChecklistStatus.PASSED)


class ChecklistItem(models.Model):
    """A checklist item that gates the version's promotion."""

    version = models.ForeignKey(
        "lifecycle.ModelVersion", models.CASCADE, related_name="checklist"
    )
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

    objects = ChecklistQuerySet.as_manager()

    class Meta:
        ordering = ("position", "pk")
        verbose_name = _("checklist item")
        verbose_name_plural = _("checklist items")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # An item is passed or not; two of a name could be both.
            models.UniqueConstraint(fields=["version", "name"], name="checklist_name")
        ]

    def __str__(self) -> str:
        return self.name


class StageChange(models.Model):
    """A version moved from one stage to another: who, when and why."""

    version = models.ForeignKey(
        "lifecycle.ModelVersion", models.CASCADE, related_name="stage_changes"
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
