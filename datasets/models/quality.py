"""Quality rules as data, and what they found in a version."""

import uuid
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from datasets.analytics import quality
from datasets.analytics.sql import TableColumn
from datasets.error_translation import translated_errors
from datasets.errors import RuleNotFound
from datasets.models.dataset import Dataset
from datasets.models.version import DatasetVersion
from datasets.states import QualityStatus, RuleSeverity
from mlops.core import audit
from mlops.core.models import User
from mlops.core.models.nul_safe import NulSafeJSONField

KIND_CHOICES = [(kind.value, kind.value) for kind in quality.RuleKind]


class QualityRuleQuerySet(models.QuerySet["QualityRule"]):
    def enabled(self) -> Self:
        return self.filter(is_enabled=True)

    def find(self, dataset: Dataset, rule_id: str) -> "QualityRule":
        """Return the rule of this dataset. Raises RuleNotFound."""
        try:
            return self.get(dataset=dataset, pk=uuid.UUID(rule_id))
        except (QualityRule.DoesNotExist, ValueError):
            raise RuleNotFound(f"There is no rule {rule_id!r}.") from None


class QualityRule(models.Model):
    """One thing that has to hold in every version of a dataset."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="rules")
    kind = models.CharField(_("kind"), max_length=32, choices=KIND_CHOICES)
    columns = models.JSONField(_("columns"), default=list, blank=True)
    parameters = models.JSONField(_("parameters"), default=dict, blank=True)
    severity = models.CharField(
        _("severity"),
        max_length=8,
        choices=RuleSeverity.choices,
        default=RuleSeverity.WARN,
    )
    is_enabled = models.BooleanField(_("enabled"), default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = QualityRuleQuerySet.as_manager()

    class Meta:
        ordering = ("created_at", "pk")
        verbose_name = _("quality rule")
        verbose_name_plural = _("quality rules")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=models.Q(severity__in=RuleSeverity.values),
                name="quality_rule_severity",
            )
        ]

    def __str__(self) -> str:
        about = ", ".join(self.columns) or str(self.dataset)
        return f"{self.kind} ({about})"

    @classmethod
    def add(cls, dataset: Dataset, *, by: User | None, **fields: Any) -> "QualityRule":
        """Make a rule. Raises Refused when it does not fit the current version."""
        rule = cls(dataset=dataset, created_by=by, **fields)
        rule.refuse_misfit()
        with transaction.atomic():
            rule.save(force_insert=True)
            audit.record("create", rule, by=by, changes={"dataset": dataset.name})
        return rule

    def change(self, *, by: User | None, **fields: Any) -> "QualityRule":
        """Change fields. Raises Refused when it would not fit any more."""
        for name, value in fields.items():
            setattr(self, name, value)
        self.refuse_misfit()
        with transaction.atomic():
            self.save(update_fields=list(fields))
            audit.record("update", self, by=by, changes=fields)
        return self

    def remove(self, *, by: User | None) -> None:
        with transaction.atomic():
            audit.record("delete", self, by=by)
            self.delete()

    def refuse_misfit(self) -> None:
        """Raise Refused unless the rule fits the columns of the current version."""
        version = self.dataset.current_version
        if version is None:
            return
        columns = [
            TableColumn(row.name, row.data_type) for row in version.columns.all()
        ]
        with translated_errors():
            quality.validate(self.as_rule(), columns)

    def as_rule(self) -> quality.RuleSpec:
        return quality.RuleSpec(
            quality.RuleKind(self.kind),
            tuple(self.columns),
            self.parameters,
            quality.Severity(self.severity),
            str(self.pk),
        )


class QualityRun(models.Model):
    """One check of a version by all enabled rules, with what they found."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(
        DatasetVersion, models.CASCADE, related_name="quality_runs"
    )
    status = models.CharField(_("result"), max_length=16, choices=QualityStatus.choices)
    results = NulSafeJSONField(_("results"), default=list)
    failed_count = models.PositiveIntegerField(_("failed rules"), default=0)
    warned_count = models.PositiveIntegerField(_("warned rules"), default=0)
    rule_count = models.PositiveIntegerField(_("rules"), default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("checked"), auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("quality check")
        verbose_name_plural = _("quality checks")

    def __str__(self) -> str:
        return f"{self.version}: {self.status}"

    @classmethod
    def write(
        cls,
        version: DatasetVersion,
        results: list[dict[str, Any]],
        *,
        by: User | None = None,
    ) -> "QualityRun":
        """Keep the results and let the version carry the verdict, in one go.

        Each result has `passed` (true, false or null for "could not be checked")
        and `severity`; what could not be checked counts as not passed.
        """
        broken = [item["severity"] for item in results if not item["passed"]]
        failed = broken.count(RuleSeverity.FAIL)
        status = _verdict(results, broken)
        with transaction.atomic():
            run = cls.objects.create(
                version=version,
                status=status,
                results=results,
                rule_count=len(results),
                failed_count=failed,
                warned_count=len(broken) - failed,
                created_by=by,
            )
            version.quality_status = status
            version.save(update_fields=["quality_status"])
            audit.record("check_quality", version, by=by, changes={"result": status})
        return run


def _verdict(results: list[dict[str, Any]], broken: list[str]) -> QualityStatus:
    if not results:
        return QualityStatus.UNCHECKED
    if RuleSeverity.FAIL in broken:
        return QualityStatus.FAILED
    return QualityStatus.WARNED if broken else QualityStatus.PASSED
