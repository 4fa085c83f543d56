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
from datasets.models.binding import FeatureBinding
from datasets.models.binding_target import BindingTarget
from datasets.models.dataset import clean_tags
from datasets.models.feature_lookup import FeatureQuerySet
from datasets.models.feature_version import FeatureUsage, FeatureVersion
from datasets.models.version import DatasetVersion
from datasets.states import (
    FEATURE_MOVES,
    RESERVED_FEATURE_NAMES,
    UNBOUND,
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
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-created_at", "-id"], name="newest_features")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Choices are a form's word; this holds for every writer.
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
        binding: BindingTarget | None = None,
        **fields: Any,
    ) -> "Feature":
        """Make a draft with its version 1.0.0, owned by the caller.

        Raises Invalid, NameTaken, FeatureNotFound (of an upstream name) or what
        `bind` raises.
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
            if binding is not None:
                feature.bind(binding, by=by)
        return feature

    def update(self, *, by: User | None, **fields: Any) -> "Feature":
        """Change fields; `status` moves by the same rules as the verbs below."""
        status = fields.pop("status", None)
        upstream = fields.pop("upstream_features", None)
        is_rebound, binding = "binding" in fields, fields.pop("binding", None)
        if "tags" in fields:
            fields["tags"] = clean_tags(fields["tags"])
        with transaction.atomic():
            for name, value in fields.items():
                setattr(self, name, value)
            self.save(update_fields=[*fields, "updated_at"])
            if upstream is not None:
                self.rely_on(upstream)
            if is_rebound:
                self.bind(binding, by=by)
            if status is not None and status != self.status:
                self._move(FeatureStatus(status), by=by)
            audit.record("update", self, by=by, changes=fields)
        return self

    def bind(self, wanted: BindingTarget | None, *, by: User | None) -> None:
        """Set where the feature's values are; None unbinds it.

        Raises DatasetNotFound, NotReady or InvalidBinding; then nothing has changed.
        """
        with transaction.atomic():
            # Two at once would make two rows.
            Feature.objects.select_for_update().get(pk=self.pk)
            FeatureBinding.objects.filter(feature=self).delete()
            changes: dict[str, Any] = {"binding": None}
            if wanted is not None:
                changes["binding"] = str(FeatureBinding.write(self, wanted, by=by))
            audit.record("bind", self, by=by, changes=changes)
        self.refresh_from_db()

    def activate(self, *, by: User | None) -> "Feature":
        """Activate the feature. Raises IllegalMove."""
        return self._move(FeatureStatus.ACTIVE, by=by)

    def deprecate(self, *, by: User | None) -> "Feature":
        """Deprecate the feature. Raises IllegalMove or HasDependents."""
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
        """Record that a model version uses the feature, and which data version.

        Raises VersionNotFound.
        """
        self.versions.find(fields["feature_version"], field="feature_version")
        with transaction.atomic():
            use = self.usages.create(
                recorded_by=by, data_version=self.data_version, **fields
            )
            audit.record(
                "record_use", self, by=by, changes={"model": use.used_by_model}
            )
        return use

    @property
    def bound_to(self) -> FeatureBinding | None:
        """The feature's binding, broken or not; None if it is unbound."""
        return getattr(self, "binding", None)

    @property
    def binding_state(self) -> str:
        """`unbound`, `bound` or `broken`."""
        bound = self.bound_to
        return bound.state if bound else UNBOUND

    @property
    def data_version(self) -> DatasetVersion | None:
        """The version that the feature's figures are of; None where there is none."""
        bound = self.bound_to
        return bound.current_version if bound else None

    @property
    def profile(self) -> dict[str, Any] | None:
        """The statistics of what the feature is bound to, as they are kept.

        None of a feature that is unbound or broken, and of a formula that nobody
        computed over the current content yet.
        """
        bound, version = self.bound_to, self.data_version
        if bound is None or version is None:
            return None
        if bound.expression:
            return bound.computed_figures
        kept: dict[str, Any] | None = getattr(self, "column_profile", None)
        if kept is None:
            columns = version.columns.filter(name=bound.column)
            kept = columns.values_list("profile", flat=True).first()
        return kept or None

    @property
    def column_statistics(self) -> dict[str, Any] | None:
        """The figures of `profile` in the feature store's words, if there are any."""
        profile, version = self.profile, self.data_version
        if profile is None or version is None:
            return None
        return figures.statistics(profile, version.ready_at)

    @property
    def statistics_reason(self) -> str | None:
        """Why there are no statistics; None where there are."""
        bound = self.bound_to
        if bound is None:
            return (
                "The feature is bound to no column: say its dataset and column in"
                " `binding`."
            )
        if bound.is_broken:
            return bound.broken_text
        if self.profile is not None:
            return None
        if bound.expression:
            return (
                "The formula was not computed over the current version yet; asking"
                " for the feature's statistics does."
            )
        return "The column has no statistics."

    def data_summary(self) -> dict[str, Any]:
        """Every figure of what the feature is bound to, and where that is."""
        profile, version = self.profile, self.data_version
        if profile is None or version is None:
            return {"statistics": {}, "generated_at": timezone.now()}
        return {
            "statistics": figures.numbers(profile),
            "generated_at": version.ready_at,
            "dataset_name": version.dataset.name,
            "dataset_version": version.number,
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
