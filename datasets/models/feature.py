"""A feature is a named, versioned column of meaning; who owns it, what it needs."""

import uuid
from collections.abc import Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.errors import (
    HasDependents,
    IllegalMove,
    LineageCycle,
    NameTaken,
)
from datasets.models import figures, lineage
from datasets.models.dataset import clean_tags
from datasets.models.feature_lookup import FeatureQuerySet
from datasets.models.feature_version import FeatureUsage, FeatureVersion
from datasets.models.parts import Column
from datasets.states import (
    FEATURE_MOVES,
    RESERVED_FEATURE_NAMES,
    DataType,
    FeatureStatus,
    FeatureType,
)
from mlops.core import audit, names
from mlops.core.models import User

FIRST_VERSION = "1.0.0"


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
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="features",
        verbose_name=_("owner"),
    )
    tags = models.JSONField(_("tags"), default=list, blank=True)
    current_version = models.CharField(
        _("current version"), max_length=100, default=FIRST_VERSION
    )
    transformation = models.JSONField(_("transformation"), null=True, blank=True)
    validation_rules = models.JSONField(_("validation rules"), default=list, blank=True)
    upstream = models.ManyToManyField(
        "self", symmetrical=False, related_name="downstream", blank=True
    )
    duckdb_table = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - the contract tells null from ""
    duckdb_view = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - as above
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    deprecated_at = models.DateTimeField(_("deprecated"), null=True, editable=False)

    objects = FeatureQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("feature")
        verbose_name_plural = _("features")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-created_at", "-id"], name="newest_features")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(status__in=FeatureStatus.values), name="feature_status"
            )
        ]

    def __str__(self) -> str:
        return self.feature_name

    @classmethod
    def create_from(
        cls,
        feature_name: str,
        *,
        by: User | None,
        upstream_features: Iterable[str] = (),
        **fields: Any,
    ) -> "Feature":
        """Make a draft with its version 1.0.0, owned by the caller.

        Raises Invalid, NameTaken or FeatureNotFound (of an upstream name).
        """
        name = names.clean(
            feature_name, field="feature_name", reserved=RESERVED_FEATURE_NAMES
        )
        fields["tags"] = clean_tags(fields.get("tags", []))
        with transaction.atomic():
            if cls.objects.filter(feature_name=name).exists():
                raise NameTaken(
                    f"There is a feature {name!r} already.", field="feature_name"
                )
            feature = cls.objects.create(feature_name=name, owner=by, **fields)
            feature.rely_on(upstream_features)
            feature.versions.create(
                version=FIRST_VERSION,
                changelog="First version",
                transformation_snapshot=feature.transformation,
                validation_snapshot=feature.validation_rules,
                created_by=by,
            )
            audit.record("create", feature, by=by)
        return feature

    def update(self, *, by: User | None, **fields: Any) -> "Feature":
        """Change fields; `status` moves by the same rules as the verbs below."""
        status = fields.pop("status", None)
        upstream = fields.pop("upstream_features", None)
        if "tags" in fields:
            fields["tags"] = clean_tags(fields["tags"])
        with transaction.atomic():
            for name, value in fields.items():
                setattr(self, name, value)
            self.save(update_fields=[*fields, "updated_at"])
            if upstream is not None:
                self.rely_on(upstream)
            if status is not None and status != self.status:
                self._move(FeatureStatus(status), by=by)
            audit.record("update", self, by=by, changes=fields)
        return self

    def activate(self, *, by: User | None) -> "Feature":
        """Let models rely on it. Raises IllegalMove."""
        return self._move(FeatureStatus.ACTIVE, by=by)

    def deprecate(self, *, by: User | None) -> "Feature":
        """Ask models to leave it. Raises IllegalMove or HasDependents."""
        return self._move(FeatureStatus.DEPRECATED, by=by)

    def archive(self, *, by: User | None) -> "Feature":
        """Close it for good; the row stays. Raises IllegalMove or HasDependents."""
        return self._move(FeatureStatus.ARCHIVED, by=by)

    def rely_on(self, upstream: Iterable[str]) -> None:
        """Replace what the feature is computed from.

        Raises FeatureNotFound for an unknown name and LineageCycle when one of
        them, directly or not, is computed from this feature.
        """
        listed = list(upstream)
        with transaction.atomic():
            lineage.lock()
            found = Feature.objects.named(listed, field="upstream_features")
            above = {item.pk for item in found} | lineage.ancestors(
                [item.pk for item in found]
            )
            if self.pk in above:
                raise LineageCycle(
                    f"{self} would be computed from itself.", field="upstream_features"
                )
            self.upstream.set(found)

    def release_version(
        self, version: str, *, by: User | None, **fields: Any
    ) -> FeatureVersion:
        """Make a version and make it the current one.

        A snapshot that is given becomes the feature's definition; without one the
        present definition is kept. Raises Invalid or VersionTaken.
        """
        with transaction.atomic():
            locked = Feature.objects.select_for_update().get(pk=self.pk)
            made = FeatureVersion.release(locked, version, by=by, **fields)
            self._define_as(made)
            audit.record("release", self, by=by, changes={"version": made.version})
        return made

    def roll_back_to(self, target: str, *, by: User | None) -> FeatureVersion:
        """Make an earlier version (by name or id) current again; return it.

        Versions released after it are marked as rolled back. Raises VersionNotFound
        or NothingToRollBackTo when it is the current one.
        """
        with transaction.atomic():
            locked = Feature.objects.select_for_update().get(pk=self.pk)
            found = FeatureVersion.roll_back(locked, target)
            self._define_as(found)
            audit.record("roll_back", self, by=by, changes={"version": found.version})
        return found

    def record_use(self, *, by: User | None, **fields: Any) -> FeatureUsage:
        """Note that a model version uses the feature. Raises VersionNotFound."""
        self.versions.find(fields["feature_version"])
        with transaction.atomic():
            use = self.usages.create(recorded_by=by, **fields)
            audit.record(
                "record_use", self, by=by, changes={"model": use.used_by_model}
            )
        return use

    @property
    def column_statistics(self) -> dict[str, Any] | None:
        """Figures of the column with this name in the newest data, if there is one.

        Needs a row that was loaded by `with_details`.
        """
        profile: dict[str, Any] | None = getattr(self, "column_profile", None)
        if not profile:
            return None
        return figures.statistics(profile, getattr(self, "column_ready_at", None))

    def newest_column(self) -> Column | None:
        """Return the column of this name in the newest current version, if any."""
        columns = Column.objects.current().filter(name=self.feature_name)
        return columns.newest_first().select_related("version__dataset").first()

    def data_summary(self) -> dict[str, Any]:
        """Every figure of the newest data that has the feature, and where it is."""
        column = self.newest_column()
        if column is None:
            return {"statistics": {}, "generated_at": timezone.now()}
        return {
            "statistics": figures.numbers(column.profile),
            "generated_at": column.version.ready_at,
            "dataset_name": column.version.dataset.name,
            "dataset_version": column.version.number,
        }

    def lineage(self, *, recursive: bool) -> dict[str, Any]:
        """Return neighbours and, if `recursive`, everything beyond them, by name."""
        return {
            "feature_name": self.feature_name,
            "current_version": self.current_version,
            **lineage.around(self.pk, recursive=recursive),
        }

    def _move(self, status: FeatureStatus, *, by: User | None) -> "Feature":
        with transaction.atomic():
            locked = Feature.objects.select_for_update().get(pk=self.pk)
            if status not in FEATURE_MOVES[FeatureStatus(locked.status)]:
                raise IllegalMove(
                    f"A feature that is {locked.status} cannot become {status}.",
                    field="status",
                )
            if status != FeatureStatus.ACTIVE:
                locked.refuse_dependents(status)
            self.status = status
            now = timezone.now()
            self.deprecated_at = now if status == FeatureStatus.DEPRECATED else None
            self.save(update_fields=["status", "deprecated_at", "updated_at"])
            audit.record(
                "move", self, by=by, changes={"status": [locked.status, status]}
            )
        return self

    def refuse_dependents(self, status: FeatureStatus) -> None:
        gone = {FeatureStatus.ARCHIVED}
        if status == FeatureStatus.DEPRECATED:
            gone.add(FeatureStatus.DEPRECATED)
        dependents = self.downstream.exclude(status__in=gone).order_by("feature_name")
        listed = list(dependents.values_list("feature_name", flat=True)[:5])
        if listed:
            raise HasDependents(
                f"{self} still has dependents: {', '.join(listed)}.", field="status"
            )

    def _define_as(self, version: FeatureVersion) -> None:
        self.current_version = version.version
        self.transformation = version.transformation_snapshot
        self.validation_rules = version.validation_snapshot
        self.save(
            update_fields=[
                "current_version",
                "transformation",
                "validation_rules",
                "updated_at",
            ]
        )
