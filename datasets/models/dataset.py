"""A dataset is a name with immutable versions; a version is a digest of content."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from datasets.states import SourceType, VersionState


class Dataset(models.Model):
    """A named table of the catalogue. What it holds is in its versions."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200, unique=True)
    description = models.TextField(_("description"), blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="datasets",
        verbose_name=_("owner"),
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    current_version = models.ForeignKey(
        "datasets.DatasetVersion",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("current version"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """One immutable content of a dataset, stored as Parquet under its digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=VersionState.choices,
        default=VersionState.PROCESSING,
    )
    state_reason = models.TextField(_("reason"), blank=True)
    source_name = models.CharField(_("file name"), max_length=255, blank=True)
    source_type = models.CharField(
        _("format"), max_length=16, choices=SourceType.choices
    )
    source_sha256 = models.CharField(max_length=64, blank=True)
    source_bytes = models.BigIntegerField(_("uploaded bytes"), default=0)
    digest = models.CharField(_("digest"), max_length=64, blank=True, db_index=True)
    size_bytes = models.BigIntegerField(_("stored bytes"), default=0)
    row_count = models.BigIntegerField(_("rows"), default=0)
    column_count = models.PositiveIntegerField(_("columns"), default=0)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    ready_at = models.DateTimeField(_("ready"), null=True, editable=False)

    class Meta:
        ordering = ("dataset", "-number")
        verbose_name = _("dataset version")
        verbose_name_plural = _("dataset versions")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["dataset", "number"], name="dataset_version_number"
            ),
            models.UniqueConstraint(
                fields=["dataset", "digest"],
                condition=Q(state=VersionState.READY),
                name="dataset_version_digest",
            ),
            models.CheckConstraint(
                condition=Q(state__in=VersionState.values),
                name="dataset_version_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"


class Column(models.Model):
    """A column of a version, in file order, with the type DuckDB gives it."""

    version = models.ForeignKey(DatasetVersion, models.CASCADE, related_name="columns")
    position = models.PositiveIntegerField(_("position"))
    name = models.CharField(_("name"), max_length=255)
    original_name = models.CharField(_("name in the file"), max_length=1000)
    data_type = models.CharField(_("type"), max_length=255)
    null_count = models.BigIntegerField(_("missing values"), default=0)

    class Meta:
        ordering = ("version", "position")
        verbose_name = _("column")
        verbose_name_plural = _("columns")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["version", "position"], name="column_position"
            ),
            models.UniqueConstraint(fields=["version", "name"], name="column_name"),
        ]

    def __str__(self) -> str:
        return self.name


class StoredAnalysis(models.Model):
    """A computed answer about one content, kept under what it was computed from.

    `digest` is the content, `kind` the question, `parameters` its canonical JSON
    and `revision` the algorithm's: together they are the ETag.
    """

    digest = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    parameters = models.CharField(max_length=255, default="{}")
    revision = models.PositiveIntegerField()
    body = models.JSONField()
    computed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("stored analysis")
        verbose_name_plural = _("stored analyses")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["digest", "kind", "parameters", "revision"],
                name="stored_analysis_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.digest[:12]}"
