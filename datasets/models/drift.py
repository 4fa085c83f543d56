"""Stored drift reports between two versions."""

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from datasets.models.version import DatasetVersion
from mlops.core.models.nul_safe import NulSafeJSONField


class DriftReport(models.Model):
    """A stored comparison of two contents, both immutable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.ForeignKey(
        DatasetVersion, models.CASCADE, related_name="drift_from"
    )
    current = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="drift_to")
    revision = models.PositiveIntegerField()
    level = models.CharField(_("level"), max_length=16)
    drifted_count = models.PositiveIntegerField(_("columns that drifted"), default=0)
    body = NulSafeJSONField(_("report"), default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("computed"), auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("drift report")
        verbose_name_plural = _("drift reports")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two workers that compare the same versions at once: one report.
            models.UniqueConstraint(
                fields=["reference", "current", "revision"], name="drift_report_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reference} → {self.current}"

    @classmethod
    def keep(
        cls,
        reference: DatasetVersion,
        current: DatasetVersion,
        revision: int,
        **fields: Any,
    ) -> "DriftReport":
        """Store a report; who comes second gets the first one's, which is equal."""
        report, _made = cls.objects.get_or_create(
            reference=reference, current=current, revision=revision, defaults=fields
        )
        return report
