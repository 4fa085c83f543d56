"""A dataset is a name with immutable versions; a version is a digest of content."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypedDict, Unpack

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets.errors import DatasetNotFound, NameTaken, NotCurrent
from datasets.models import event
from datasets.models.job import IngestJob
from datasets.models.parts import Column
from datasets.models.version import DatasetVersion, IngestedContent
from datasets.states import VersionState
from datasets.storage import IncomingFile
from mlops.core import audit, etags, names
from mlops.core.byte_store import byte_store
from mlops.core.errors import Invalid, PreconditionFailed
from mlops.core.ids import as_uuid
from mlops.core.models import User

MAX_FEATURES = 2000
MAX_TAGS = 50
MAX_TAG_LENGTH = 100


@dataclass(frozen=True, slots=True)
class AppendBase:
    """The version to append to, and the reading options of the new files."""

    version: DatasetVersion
    options: Mapping[str, Any]
    widens: bool = False

    @classmethod
    def of(
        cls, version: DatasetVersion, options: Mapping[str, Any], *, widens: bool
    ) -> "AppendBase":
        """Return it with the version's own options where no other are given."""
        return cls(version, {**version.options, **options}, widens)


class Details(TypedDict, total=False):
    """Descriptive metadata of a dataset; everything else is measured."""

    description: str
    tags: list[str]
    features: list[str]
    keep_versions: int | None


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def find(self, text: str, *, field: str = "") -> "Dataset":
        """Return the dataset with this id, else this name.

        Raises DatasetNotFound, which names the field.
        """
        by_id = as_uuid(text)
        rows = self.select_related("current_version", "newest_version")
        found = rows.filter(pk=by_id).first() if by_id else None
        found = found or rows.filter(name=text).first()
        if found is None:
            raise DatasetNotFound(f"There is no dataset {text!r}.", field=field)
        return found

    def unread(self, owner: User | None) -> Self:
        """The owner's datasets of which every version failed to be read."""
        other = DatasetVersion.objects.exclude(state=VersionState.FAILED)
        return self.filter(owner=owner).exclude(
            Exists(other.filter(dataset=OuterRef("pk")))
        )

    def with_listing(self) -> Self:
        """Load what a list shows, in a constant number of queries."""
        columns = Prefetch(
            "current_version__columns",
            Column.objects.only("version_id", "position", "name", "data_type"),
        )
        return self.select_related(
            "owner", "current_version", "newest_version"
        ).prefetch_related(columns, "declared")

    def searched(self, text: str) -> Self:
        return self.filter(Q(name__icontains=text) | Q(description__icontains=text))

    def with_counts(self) -> Self:
        return self.annotate(version_count=Count("versions"))


class Dataset(models.Model):
    """A named table of the catalogue; its rows are in its versions.

    Lock order: dataset, job, version. The reverse order can deadlock.
    """

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
    keep_versions = models.PositiveIntegerField(
        _("versions to keep"),
        null=True,
        blank=True,
        help_text=_("Older versions lose their bytes, not their row. Empty: all."),
    )
    current_version = models.ForeignKey(
        "datasets.DatasetVersion",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("current version"),
    )
    newest_version = models.ForeignKey(
        "datasets.DatasetVersion",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("newest version"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = DatasetQuerySet.as_manager()
    expected_state: str | None = None
    """What `If-Match` named: adding a version compares it under the lock of the row."""

    class Meta:
        ordering = ("-created_at", "-pk")
        verbose_name = _("dataset")
        verbose_name_plural = _("datasets")
        indexes: ClassVar[list[models.Index]] = [
            # The list, newest first, a page at a time and without sorting.
            models.Index(fields=["-created_at", "-id"], name="newest_datasets")
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def create_from(
        cls,
        name: str,
        files: Sequence[IncomingFile],
        *,
        by: User | None,
        options: Mapping[str, Any] | None = None,
        is_read: bool = False,
        **details: Unpack[Details],
    ) -> "Dataset":
        """Make a dataset whose first version is these files, still to be read.

        If the caller has read them, it has to settle the version. The files become
        the version's. A dataset of that name and owner of which no
        version could ever be read gets the next one. Raises Invalid or NameTaken;
        then no row exists and the caller still owns the files.
        """
        with transaction.atomic():
            name = cls.free_name(name, by=by)
            if failed := cls.objects.unread(by).filter(name=name).first():
                failed.append(files, by=by, options=options, is_read=is_read)
                audit.record("add_version", failed, by=by)
                return failed.update(by=by, **details)
            dataset = cls.objects.create(
                name=name,
                owner=by,
                description=details.get("description", ""),
                tags=clean_tags(details.get("tags", [])),
                keep_versions=details.get("keep_versions"),
            )
            dataset.declare(details.get("features", []))
            dataset.append(files, by=by, options=options, is_read=is_read)
            audit.record("create", dataset, by=by)
        return dataset

    @classmethod
    def free_name(cls, name: str, *, by: User | None = None) -> str:
        """Return a name as it would be stored. Raises Invalid or NameTaken.

        A dataset of `by` that could never be read leaves its name free.
        """
        name = names.clean(name, field="name")
        if as_uuid(name):
            raise Invalid("A name must not look like an id.", field="name")
        taken = cls.objects.filter(name=name)
        if taken.exclude(pk__in=cls.objects.unread(by)).exists():
            raise NameTaken(f"There is a dataset {name!r} already.", field="name")
        return name

    def add_version(
        self,
        files: Sequence[IncomingFile],
        *,
        by: User | None,
        outcome: IngestedContent | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[DatasetVersion, bool]:
        """Return the version of these files, and whether it is new.

        Raises PreconditionFailed when the row is not as a caller has read it.

        Bytes, or the content that was found in them, that are a ready version
        already make no row: that version becomes the current one, and the files are
        deleted.
        """
        with transaction.atomic():
            locked = self._locked()
            same = locked.versions.holding(files, outcome, options)
            if same is None:
                version = locked.append(
                    files, by=by, options=options, is_read=outcome is not None
                )
                audit.record("add_version", self, by=by, changes={"to": version.number})
            else:
                locked.make_current(same)
                audit.record("reuse_version", self, by=by, changes={"to": same.number})
        self.refresh_from_db()
        if same is not None:
            if settings.KEEP_UPLOADS != "none":
                same.take_back(files)
            for file in files:
                file.discard()
            self.drop_uploads()
        return same or version, same is None

    def append_rows(
        self,
        files: Sequence[IncomingFile],
        base: AppendBase,
        *,
        by: User | None,
        outcome: IngestedContent | None = None,
    ) -> tuple[DatasetVersion, bool]:
        """Append files to a version; return the result, and whether it is new.

        Raises NotCurrent, with nothing changed, unless the base is the current version.
        """
        with transaction.atomic():
            locked = self._locked()
            locked.require_current(base.version)
            twins = locked.versions.twins(outcome) if outcome else None
            same = twins.first() if twins is not None else None
            if same is None:
                version = locked.append(
                    files, by=by, options=base.options, is_read=outcome is not None
                )
                version.append_to(base.version, widens=base.widens)
                audit.record("append_rows", self, by=by, changes={"to": version.number})
            else:
                locked.make_current(same)
                audit.record("reuse_version", self, by=by, changes={"to": same.number})
        if same is not None:
            for file in files:
                file.discard()
        self.refresh_from_db()
        return same or version, same is None

    def _locked(self) -> "Dataset":
        locked = Dataset.objects.select_for_update().get(pk=self.pk)
        if self.expected_state not in {None, etags.state(locked)}:
            raise PreconditionFailed(etags.CHANGED)
        return locked

    def require_current(self, version: DatasetVersion) -> None:
        """Raise NotCurrent unless this is the version that the dataset stands for."""
        if self.current_version_id != version.pk:
            raise NotCurrent(
                f"{version} is not the current version; append to that.",
                field="base_version",
            )

    def update(self, *, by: User | None, **details: Unpack[Details]) -> "Dataset":
        """Change the descriptive metadata. Raises Invalid."""
        if "tags" in details:
            details["tags"] = clean_tags(details["tags"])
        own = {key: value for key, value in details.items() if key != "features"}
        with transaction.atomic():
            for field, value in own.items():
                setattr(self, field, value)
            self.save(update_fields=[*own, "updated_at"])
            if "features" in details:
                self.declare(details["features"])
            audit.record("update", self, by=by, changes=dict(details))
        return self

    def declare(self, features: Iterable[str]) -> None:
        """Replace the list of columns that count as this dataset's features.

        Names stay as they are given: of two forms of Unicode each is another column.
        """
        wanted = list(dict.fromkeys(features))
        if len(wanted) > MAX_FEATURES:
            raise Invalid(f"More than {MAX_FEATURES} features.", field="features")
        for name in wanted:
            names.clean(name, field="features")
        self.declared.all().delete()
        DatasetFeature.objects.bulk_create(
            DatasetFeature(dataset=self, position=place, name=name)
            for place, name in enumerate(wanted)
        )

    def make_current(self, version: DatasetVersion) -> None:
        """Make a ready version the current one; the caller holds the lock.

        Writes events for changed columns and for the features bound to them.
        """
        before = self.current_version
        self.current_version = version
        self.save(update_fields=["current_version", "updated_at"])
        if before is None or before.pk == version.pk:
            return
        event.note_columns(self, before, version)
        by_rules_only = version.differs_by_rules_only(before)
        columns = event.columns_of(version)
        for binding in self.bindings.select_related("feature").order_by("pk"):
            binding.dataset = self
            binding.examine(version, columns, by_rules_only=by_rules_only)

    def remove(self, *, by: User | None) -> None:
        """Delete the dataset, its versions and, when nobody else has them, the bytes.

        Raises InUse, with nothing changed, when a run was trained on a version.
        """
        with transaction.atomic():
            # The dataset first, as everywhere: nobody adds a version meanwhile.
            Dataset.objects.select_for_update().filter(pk=self.pk).first()
            for version in self.versions.select_for_update():
                version.refuse_when_in_use()
                version.drop_bytes_after_commit()
            for binding in self.bindings.select_related("feature", "dataset"):
                binding.lose_dataset()
            audit.record("delete", self, by=by)
            self.delete()

    def drop_uploads(self) -> None:
        """Delete uploaded files that the setting says are not kept."""
        keep = settings.KEEP_UPLOADS
        for version in self.versions.ready().prefetch_related("sources"):
            is_current = version.pk == self.current_version_id
            if keep == "none" or (keep == "current" and not is_current):
                for file in version.sources.all():
                    byte_store().delete(file.key)

    def retire_versions(self, *, by: User | None = None) -> list[DatasetVersion]:
        """Purge what is older than the newest `keep_versions` ready versions.

        The current version and those that a run was trained on are kept.
        """
        if self.keep_versions is None:
            return []
        held = self.versions.holding_bytes().exclude(dataset__current_version=F("pk"))
        kept = max(self.keep_versions - 1, 0)
        old = [item for item in held.order_by("-number")[kept:] if not item.is_in_use]
        return [version.purge(by=by) for version in old]

    @property
    def feature_names(self) -> list[str]:
        """The declared features, else every column of the current version."""
        declared = [feature.name for feature in self.declared.all()]
        return declared or [column.name for column in self._columns]

    @property
    def schema(self) -> dict[str, str]:
        """The current version's columns and their types, in file order."""
        return {column.name: column.data_type for column in self._columns}

    @property
    def shown_version(self) -> DatasetVersion | None:
        """The version a reader sees: the current one, else the newest attempt."""
        return self.current_version or self.newest_version

    @property
    def _columns(self) -> list[Column]:
        if self.current_version is None:
            return []
        return list(self.current_version.columns.all())

    def append(
        self,
        files: Sequence[IncomingFile],
        *,
        by: User | None,
        options: Mapping[str, Any] | None = None,
        is_read: bool = False,
    ) -> DatasetVersion:
        """Make the next version of these files and its job; the caller's lock holds.

        `is_read` leaves the job to the caller, which has read them already.
        """
        last = self.versions.aggregate(last=models.Max("number"))["last"] or 0
        version = DatasetVersion.objects.begin(
            self, last + 1, files, by=by, options=options
        )
        IngestJob.objects.begin(version, is_read=is_read)
        self.newest_version = version
        self.updated_at = timezone.now()
        self.save(update_fields=["newest_version", "updated_at"])
        return version


class DatasetFeature(models.Model):
    """A column that the dataset's owner calls a feature, in the order given."""

    dataset = models.ForeignKey(Dataset, models.CASCADE, related_name="declared")
    position = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=255)

    class Meta:
        ordering = ("dataset", "position")
        verbose_name = _("declared feature")
        verbose_name_plural = _("declared features")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two requests that declare one name at once.
            models.UniqueConstraint(
                fields=["dataset", "name"], name="dataset_feature_name"
            )
        ]

    def __str__(self) -> str:
        return self.name


def clean_tags(tags: Iterable[Any]) -> list[str]:
    """Return the tags without blanks and repeats. Raises Invalid."""
    words = list(dict.fromkeys(str(tag).strip() for tag in tags))
    words = [word for word in words if word]
    if len(words) > MAX_TAGS or any(len(word) > MAX_TAG_LENGTH for word in words):
        raise Invalid(
            f"At most {MAX_TAGS} tags of {MAX_TAG_LENGTH} characters.", field="tags"
        )
    return words
