"""A feature is a named, versioned column of meaning; usage says who relies on it."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from datasets.states import DataType, FeatureStatus, FeatureType


class Feature(models.Model):
    """A feature of the store, with what it is computed from and who owns it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feature_name = models.CharField(_("name"), max_length=100, unique=True)
    feature_type = models.CharField(
        _("type"), max_length=32, choices=FeatureType.choices
    )
    data_type = models.CharField(
        _("data type"), max_length=16, choices=DataType.choices
    )
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=FeatureStatus.choices,
        default=FeatureStatus.DRAFT,
    )
    description = models.TextField(_("description"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="features"
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    current_version = models.CharField(
        _("current version"), max_length=100, default="1.0.0"
    )
    transformation = models.JSONField(_("transformation"), null=True, blank=True)
    validation_rules = models.JSONField(_("validation rules"), default=list, blank=True)
    upstream = models.ManyToManyField(
        "self", symmetrical=False, related_name="downstream", blank=True
    )
    datasets = models.ManyToManyField(
        "datasets.Dataset", related_name="declared_features", blank=True
    )
    duckdb_table = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    duckdb_view = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - as above
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    deprecated_at = models.DateTimeField(_("deprecated"), null=True, editable=False)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("feature")
        verbose_name_plural = _("features")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=FeatureStatus.values), name="feature_status"
            )
        ]

    def __str__(self) -> str:
        return self.feature_name


class FeatureVersion(models.Model):
    """How a feature was defined at one version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feature = models.ForeignKey(Feature, models.CASCADE, related_name="versions")
    version = models.CharField(_("version"), max_length=100)
    changelog = models.TextField(_("changelog"))
    breaking_changes = models.BooleanField(_("breaking"), default=False)
    transformation_snapshot = models.JSONField(null=True, blank=True)
    validation_snapshot = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    rolled_back_at = models.DateTimeField(_("rolled back"), null=True, editable=False)

    class Meta:
        ordering = ("feature", "-created_at")
        verbose_name = _("feature version")
        verbose_name_plural = _("feature versions")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["feature", "version"], name="feature_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.feature} {self.version}"


class FeatureUsage(models.Model):
    """One recorded use of a feature by a model version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feature = models.ForeignKey(Feature, models.CASCADE, related_name="usages")
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
    used_at = models.DateTimeField(_("used"), auto_now_add=True)

    class Meta:
        ordering = ("-used_at",)
        verbose_name = _("feature usage")
        verbose_name_plural = _("feature usages")

    def __str__(self) -> str:
        return f"{self.feature} in {self.used_by_model}"
