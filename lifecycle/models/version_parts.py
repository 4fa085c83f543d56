"""What belongs to a model version: figures, tags, checklist, history of stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lifecycle.states import ChecklistStatus, ModelStage
from mlops.core.errors import Invalid

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion

MAX_CHECK_NAME = 200


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric to be recorded with a version, on a dataset where one is named."""

    name: str
    value: float
    dataset: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """An item that a checklist shall have."""

    name: str
    status: ChecklistStatus = ChecklistStatus.PENDING
    note: str | None = None


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
    """One thing to be checked before the version may go further."""

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

    @classmethod
    def statuses_of(cls, version: "ModelVersion") -> dict[str, str]:
        """Return name → status, in the order of the list."""
        return dict(version.checklist.values_list("name", "status"))

    @classmethod
    def replace(cls, version: "ModelVersion", checks: Sequence[Check]) -> None:
        """Make these the version's checklist; the caller holds the version.

        `completed_at` is the server's: when an item became passed. Raises Invalid
        for a name that is empty, too long or given twice.
        """
        _require_distinct(checks)
        old = {item.name: item for item in version.checklist.all()}
        version.checklist.all().delete()
        ChecklistItem.objects.bulk_create(
            ChecklistItem(
                version=version,
                position=position,
                name=check.name,
                status=check.status,
                note=check.note,
                completed_at=_completed_at(check, old.get(check.name)),
            )
            for position, check in enumerate(checks)
        )


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


def _require_distinct(checks: Sequence[Check]) -> None:
    seen: set[str] = set()
    for check in checks:
        if not check.name.strip() or len(check.name) > MAX_CHECK_NAME:
            raise Invalid(
                f"A check's name has 1 to {MAX_CHECK_NAME} characters.",
                field="checklist",
            )
        if check.name in seen:
            raise Invalid(
                f"The check {check.name!r} is given twice.", field="checklist"
            )
        seen.add(check.name)


def _completed_at(check: Check, before: ChecklistItem | None) -> datetime | None:
    if check.status != ChecklistStatus.PASSED:
        return None
    if before is not None and before.completed_at is not None:
        return before.completed_at
    return timezone.now()
