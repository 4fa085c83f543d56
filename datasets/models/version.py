"""One immutable content of a dataset, its columns and the files it came from."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets import storage
from datasets.errors import IllegalMove, InUse, NotReady, Purged, VersionNotFound
from datasets.models.analysis import StoredAnalysis
from datasets.models.job import IngestJob
from datasets.models.parts import Column, SourceFile, combined_sha256
from datasets.states import QualityStatus, SourceFormat, SourceType, VersionState
from datasets.storage import IncomingFile
from mlops.core import audit
from mlops.core.models import User

if TYPE_CHECKING:
    from datasets.models.dataset import Dataset

SHORTEST_DIGEST = 8


class Outcome(Protocol):
    """What the reader of the files says (`datasets.analytics.ingest`)."""

    @property
    def digest(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def row_count(self) -> int: ...
    @property
    def format(self) -> str: ...
    @property
    def report(self) -> Mapping[str, Any]: ...


class DatasetVersionQuerySet(models.QuerySet["DatasetVersion"]):
    def ready(self) -> Self:
        return self.filter(state=VersionState.READY)

    def holding_bytes(self) -> Self:
        """Ready versions whose content was not purged."""
        return self.ready().filter(purged_at=None)

    def holding(self, files: Sequence[IncomingFile], digest: str = "") -> Self:
        """Ready versions of exactly these bytes or of that content, newest first."""
        same = Q(source_sha256=combined_sha256(files))
        if digest:
            same |= Q(digest=digest)
        return self.holding_bytes().filter(same).order_by("-number")

    def failing(self) -> Self:
        """Versions that broke a rule of severity fail when they were last checked."""
        return self.filter(quality_status=QualityStatus.FAILED)

    def behind(self, run_ids: Iterable[int]) -> Self:
        """Versions that one of these runs read, in the order of name and number."""
        # `run_inputs` is lifecycle's relation to us; it exists when that app does.
        read = self.filter(run_inputs__uses__run__in=list(run_ids))
        return read.order_by("dataset__name", "number").distinct()

    def with_digest(self, digest: str) -> Self:
        """Versions with this content, or one whose digest starts so (8 or more)."""
        if len(digest) < SHORTEST_DIGEST:
            return self.none()
        return self.ready().filter(digest__startswith=digest.lower())

    def labelled(self, dataset_name: str, label: str) -> "DatasetVersion":
        """Return the version that `label` means in the dataset of that name.

        "latest" is the current version, "3" and "v3" a number, anything else a
        digest (or its first 8 or more digits). Raises VersionNotFound.
        """
        return self.filter(dataset__name=dataset_name).of_label(label)

    def of_label(self, label: str, *, field: str = "version") -> "DatasetVersion":
        """As `labelled`, among the versions of one dataset.

        `field` is the parameter that a refusal names.
        """
        found = self.select_related("dataset")
        word = label.strip().lower()
        if word == "latest":
            found = found.filter(dataset__current_version=F("pk"))
        elif (number := word.removeprefix("v")).isascii() and number.isdigit():
            # A number of a digest's length is more than any version's number.
            known = len(number) < SHORTEST_DIGEST
            found = (
                found.filter(number=int(number)) if known else found.with_digest(word)
            )
        else:
            found = found.with_digest(word)
        version = found.order_by("-number").first()
        if version is None:
            raise VersionNotFound(f"There is no version {label!r}.", field=field)
        return version

    def begin(
        self,
        dataset: "Dataset",
        number: int,
        files: Sequence[IncomingFile],
        *,
        by: User | None,
    ) -> "DatasetVersion":
        """Make a version in `processing` and the job that will read its files."""
        version = self.create(
            dataset=dataset,
            number=number,
            source_name=", ".join(file.name for file in files)[:255],
            source_sha256=combined_sha256(files),
            source_bytes=sum(file.size_bytes for file in files),
            created_by=by,
        )
        SourceFile.objects.bulk_create(
            SourceFile(
                id=file.id,
                version=version,
                position=place,
                name=file.name,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
            )
            for place, file in enumerate(files)
        )
        IngestJob.objects.create(version=version, bytes_total=version.source_bytes)
        return version


class DatasetVersion(models.Model):
    """One immutable content of a dataset, stored as Parquet under its digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dataset = models.ForeignKey(
        "datasets.Dataset", models.CASCADE, related_name="versions"
    )
    number = models.PositiveIntegerField(_("number"))
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=VersionState.choices,
        default=VersionState.PROCESSING,
    )
    state_reason = models.TextField(_("reason"), blank=True)
    source_name = models.CharField(_("file name"), max_length=255, blank=True)
    source_format = models.CharField(
        _("format"), max_length=16, choices=SourceFormat.choices, blank=True
    )
    source_sha256 = models.CharField(max_length=64, blank=True)
    source_bytes = models.BigIntegerField(_("uploaded bytes"), default=0)
    digest = models.CharField(_("digest"), max_length=64, blank=True, db_index=True)
    size_bytes = models.BigIntegerField(_("stored bytes"), default=0)
    row_count = models.BigIntegerField(_("rows"), default=0)
    column_count = models.PositiveIntegerField(_("columns"), default=0)
    report = models.JSONField(
        _("report of the reader"),
        default=dict,
        help_text=_("Rejected rows with line and reason, renamed columns, dialect."),
    )
    quality_status = models.CharField(
        _("quality"),
        max_length=16,
        choices=QualityStatus.choices,
        default=QualityStatus.UNCHECKED,
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    ready_at = models.DateTimeField(_("ready"), null=True, editable=False)
    purged_at = models.DateTimeField(_("purged"), null=True, editable=False)

    objects = DatasetVersionQuerySet.as_manager()

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
                condition=Q(state=VersionState.READY, purged_at=None),
                name="dataset_version_digest",
            ),
            models.CheckConstraint(
                condition=Q(state__in=VersionState.values),
                name="dataset_version_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"

    def fail(self, reason: str) -> None:
        """Say why there will be no content; the caller's transaction holds."""
        moved = DatasetVersion.objects.filter(
            pk=self.pk, state=VersionState.PROCESSING
        ).update(state=VersionState.FAILED, state_reason=reason[:2000])
        if moved:
            audit.record("fail_version", self, by=None, changes={"reason": reason})
        self.refresh_from_db()

    def become_ready(self, outcome: Outcome, columns: Sequence["Column"]) -> None:
        """Write what the reader found; the caller's transaction and lock hold."""
        self.state, self.state_reason = VersionState.READY, ""
        self.digest = outcome.digest
        self.size_bytes = outcome.size_bytes
        self.row_count = outcome.row_count
        self.column_count = len(columns)
        self.source_format = outcome.format
        self.report = dict(outcome.report)
        self.ready_at = timezone.now()
        self.save()
        Column.objects.bulk_create(columns)
        audit.record("ready_version", self, by=None, changes={"digest": self.digest})

    def cancel(self, *, by: User | None) -> None:
        """Stop reading the files. Raises IllegalMove unless it is being read."""
        self._require(VersionState.PROCESSING, "cancelled")
        with transaction.atomic():
            self.job.request_cancel()
            self.fail(f"Cancelled by {by.username if by else 'a caller'}.")
        self.refresh_from_db()

    def retry(self, *, by: User | None) -> None:
        """Read the same files once more. Raises IllegalMove unless that failed."""
        self._require(VersionState.FAILED, "tried again")
        if not all(file.path.exists() for file in self.sources.all()):
            raise IllegalMove("The uploaded files are gone; upload them again.")
        with transaction.atomic():
            moved = DatasetVersion.objects.filter(
                pk=self.pk, state=VersionState.FAILED
            ).update(state=VersionState.PROCESSING, state_reason="")
            if not moved:
                raise IllegalMove("Someone else tried this again already.")
            self.job.reset()
            audit.record("retry_version", self, by=by)
        self.refresh_from_db()

    def purge(self, *, by: User | None) -> "DatasetVersion":
        """Delete the bytes; the row stays for the lineage.

        Raises InUse for the current version and for one that a run was trained on,
        IllegalMove while it is being read.
        """
        with transaction.atomic():
            # The same row that every upload holds: it may make this version current.
            datasets = type(self.dataset)._base_manager.select_for_update()  # noqa: SLF001 - public
            dataset = datasets.get(pk=self.dataset_id)
            fresh = DatasetVersion.objects.select_for_update().get(pk=self.pk)
            self.state = fresh.state
            self.refuse_when_in_use()
            if dataset.current_version_id == self.pk:
                raise InUse("This is the current version; make another current first.")
            if self.state == VersionState.PROCESSING:
                raise IllegalMove(f"{self} is being read; cancel that first.")
            self.purged_at = timezone.now()
            self.save(update_fields=["purged_at"])
            audit.record("purge_version", self, by=by)
            self.drop_bytes_after_commit()
        return self

    def drop_bytes_after_commit(self) -> None:
        """Delete the files and, when no other version shares it, the content.

        A kill before that leaves them to the sweep; a rollback, to the version.
        """
        paths, digest = [file.path for file in self.sources.all()], self.digest

        def drop() -> None:
            for path in paths:
                path.unlink(missing_ok=True)
            if digest:
                drop_content(digest)

        transaction.on_commit(drop)

    def refuse_when_in_use(self) -> None:
        if self.is_in_use:
            raise InUse(f"A run was trained on {self}; it has to stay.")

    def require_content(self) -> "DatasetVersion":
        """Return itself. Raises NotReady or Purged when there is nothing to read."""
        if self.state == VersionState.PROCESSING:
            raise NotReady(f"{self} is still being read; try again in a moment.")
        if self.state == VersionState.FAILED:
            raise NotReady(f"{self} could not be read: {self.state_reason}")
        if self.purged_at is not None:
            raise Purged(f"The bytes of {self} were purged.")
        return self

    @property
    def is_readable(self) -> bool:
        """Whether there is a content to ask."""
        return self.state == VersionState.READY and self.purged_at is None

    @property
    def is_in_use(self) -> bool:
        """Whether a run names this version as its input."""
        # `run_inputs` is lifecycle's relation to us; it exists when that app does.
        return bool(self.run_inputs.exists())

    @property
    def predecessor(self) -> "DatasetVersion | None":
        """The newest earlier version whose content is still there."""
        earlier = self.dataset.versions.holding_bytes().filter(number__lt=self.number)
        return earlier.order_by("-number").first()

    @property
    def source_type(self) -> SourceType | None:
        """The contract's word for the format, where it has one."""
        match self.source_format:
            case SourceFormat.CSV | SourceFormat.TSV:
                return SourceType.CSV
            case SourceFormat.PARQUET:
                return SourceType.PARQUET
            case _:
                return None

    def _require(self, state: VersionState, word: str) -> None:
        if self.state != state:
            raise IllegalMove(f"{self} is {self.state}; it cannot be {word}.")


def drop_content(digest: str) -> None:
    """Delete a content and what was computed from it, unless a version holds it.

    Whoever is about to write such a version holds the content meanwhile.
    """
    with storage.held(digest):
        if not DatasetVersion.objects.holding_bytes().filter(digest=digest).exists():
            StoredAnalysis.objects.filter(digest=digest).delete()
            storage.discard_content(digest)
