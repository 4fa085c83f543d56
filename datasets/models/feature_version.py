"""Versions of a feature's definition, and their usage by models."""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Avg, Count, Max, Min
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.errors import NothingToRollBackTo, VersionNotFound, VersionTaken
from datasets.states import RESERVED_VERSION_NAMES
from mlops.core import names
from mlops.core.ids import as_uuid
from mlops.core.models import User

if TYPE_CHECKING:
    from datasets.models.feature import Feature


class FeatureVersionQuerySet(models.QuerySet["FeatureVersion"]):
    def find(self, text: str, *, field: str = "version") -> "FeatureVersion":
        """Return the version of this name, else id. Raises VersionNotFound."""
        found = self.filter(version=text).first()
        if found is None and (version_id := as_uuid(text)):
            found = self.filter(pk=version_id).first()
        if found is None:
            raise VersionNotFound(f"This feature has no version {text!r}.", field=field)
        return found


class FeatureVersion(models.Model):
    """A feature's definition at one version. Only `rolled_back_at` ever changes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feature = models.ForeignKey(
        "datasets.Feature", models.CASCADE, related_name="versions"
    )
    number = models.PositiveIntegerField(default=1, editable=False)
    version = models.CharField(_("version"), max_length=100)
    changelog = models.TextField(_("changelog"))
    breaking_changes = models.BooleanField(_("breaking"), default=False)
    transformation_snapshot = models.JSONField(
        _("transformation"), null=True, blank=True
    )
    validation_snapshot = models.JSONField(
        _("validation rules"), default=list, blank=True
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    rolled_back_at = models.DateTimeField(_("rolled back"), null=True, editable=False)

    objects = FeatureVersionQuerySet.as_manager()

    class Meta:
        ordering = ("feature", "-number")
        verbose_name = _("feature version")
        verbose_name_plural = _("feature versions")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two versions that are named alike at the same moment.
            models.UniqueConstraint(
                fields=["feature", "version"], name="feature_version"
            ),
            # Two versions that take the next number at the same moment.
            models.UniqueConstraint(
                fields=["feature", "number"], name="feature_version_number"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.version}"

    @classmethod
    def release(
        cls, feature: "Feature", version: str, *, by: User | None, **fields: Any
    ) -> "FeatureVersion":
        """Add a version to a feature whose row the caller has locked."""
        name = names.clean(version, field="version", reserved=RESERVED_VERSION_NAMES)
        if feature.versions.filter(version=name).exists():
            raise VersionTaken(f"{feature} has a version {name!r}.", field="version")
        last = feature.versions.aggregate(last=models.Max("number"))["last"] or 0
        snapshots = {
            "transformation_snapshot": feature.transformation,
            "validation_snapshot": feature.validation_rules,
        }
        return cls.objects.create(
            feature=feature,
            number=last + 1,
            version=name,
            created_by=by,
            **{**snapshots, **fields},
        )

    @classmethod
    def roll_back(cls, feature: "Feature", target: str) -> "FeatureVersion":
        """Mark what came after `target`; the caller has locked the feature."""
        found = feature.versions.find(target, field="target_version")
        if found.version == feature.current_version:
            raise NothingToRollBackTo(
                f"{found.version} is the current version already.",
                field="target_version",
            )
        newer = feature.versions.filter(number__gt=found.number, rolled_back_at=None)
        newer.update(rolled_back_at=timezone.now())
        if found.rolled_back_at is not None:
            found.rolled_back_at = None
            found.save(update_fields=["rolled_back_at"])
        return found

    @property
    def is_rolled_back(self) -> bool:
        return self.rolled_back_at is not None


class FeatureUsageQuerySet(models.QuerySet["FeatureUsage"]):
    def summary(self) -> dict[str, Any]:
        """Return counts and means over these uses; None where there are none."""
        totals = self.aggregate(
            total_usage_count=Count("pk"),
            unique_models_count=Count("used_by_model", distinct=True),
            avg_feature_importance=Avg("feature_importance"),
            avg_correlation=Avg("correlation_with_target"),
            first_used_at=Min("used_at"),
            last_used_at=Max("used_at"),
        )
        places = self.order_by().values_list("environment")
        return {**totals, "environments": dict(places.annotate(count=Count("pk")))}

    def models_of(self, features: Iterable[uuid.UUID]) -> list[str]:
        """Return the `name:version` of every model that uses one of the features."""
        uses = self.filter(feature__in=list(features)).order_by()
        pairs = uses.values_list("used_by_model", "model_version").distinct()
        return sorted(f"{model}:{version}" for model, version in pairs)


class FeatureUsage(models.Model):
    """One recorded use of a feature by a model version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feature = models.ForeignKey(
        "datasets.Feature", models.CASCADE, related_name="usages"
    )
    feature_version = models.CharField(_("feature version"), max_length=100)
    used_by_model = models.CharField(_("model"), max_length=255)
    model_version = models.CharField(_("model version"), max_length=255)
    environment = models.CharField(_("environment"), max_length=100)
    feature_importance = models.FloatField(_("importance"), null=True)
    correlation_with_target = models.FloatField(_("correlation"), null=True)
    execution_id = models.CharField(max_length=255, null=True)  # noqa: DJ001 - the contract tells null from ""
    execution_duration_ms = models.BigIntegerField(_("duration (ms)"), null=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    data_version = models.ForeignKey(
        "datasets.DatasetVersion",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("data"),
        help_text=_("What the feature was bound to when the use was recorded."),
    )
    used_at = models.DateTimeField(_("used"), auto_now_add=True)

    objects = FeatureUsageQuerySet.as_manager()

    class Meta:
        ordering = ("-used_at", "-pk")
        verbose_name = _("feature usage")
        verbose_name_plural = _("feature usages")

    def __str__(self) -> str:
        return f"{self.feature} in {self.used_by_model}"
