"""One immutable content of a dataset, its columns and the files it came from."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Protocol

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from datasets import storage
from datasets.errors import IllegalMove, InUse, NotReady, Purged
from datasets.models.analysis import StoredAnalysis
from datasets.models.parts import Column, SourceFile
from datasets.models.version_queries import DatasetVersionQuerySet
from datasets.states import (
    VERSION_MOVES,
    QualityStatus,
    SourceFormat,
    SourceType,
    VersionState,
)
from datasets.storage import IncomingFile
from mlops.core import audit
from mlops.core.byte_store import byte_store
from mlops.core.models import User
from mlops.core.models.nul_safe import NulSafeJSONField, NulSafeTextField


class IngestedContent(Protocol):
    """Content as the reader of the files reports it (`datasets.analytics.ingest`)."""

    @property
    def digest(self) -> str: ...
    @property
    def content_digest(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def row_count(self) -> int: ...
    @property
    def format(self) -> str: ...
    @property
    def report(self) -> Mapping[str, Any]: ...
    @property
    def type_rules(self) -> int: ...


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
    state_reason = NulSafeTextField(_("reason"), blank=True)
    source_name = models.CharField(_("file name"), max_length=255, blank=True)
    source_format = models.CharField(
        _("format"), max_length=16, choices=SourceFormat.choices, blank=True
    )
    source_sha256 = models.CharField(max_length=64, blank=True)
    source_bytes = models.BigIntegerField(_("uploaded bytes"), default=0)
    # Uploads of what is held already, and contents that nothing holds any more.
    digest = models.CharField(_("digest"), max_length=64, blank=True, db_index=True)
    # An upload of the same cells in another file.
    content_digest = models.CharField(
        _("digest of the content"),
        max_length=64,
        blank=True,
        db_index=True,
        editable=False,
        help_text=_(
            "Of names, types and cells, whatever file they came in. Versions of before"
            " have none until somebody asks."
        ),
    )
    size_bytes = models.BigIntegerField(_("stored bytes"), default=0)
    row_count = models.BigIntegerField(_("rows"), default=0)
    column_count = models.PositiveIntegerField(_("columns"), default=0)
    report = NulSafeJSONField(
        _("report of the reader"),
        default=dict,
        help_text=_("Rejected rows with line and reason, renamed columns, dialect."),
    )
    options = models.JSONField(
        _("options of the reading"),
        default=dict,
        blank=True,
        help_text=_("What a person chose; everything else was found out."),
    )
    appended_to = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("appended to"),
        help_text=_("The version whose rows come first."),
    )
    made_of = models.JSONField(
        _("made of"),
        default=list,
        blank=True,
        editable=False,
        help_text=_("The versions that a filter or SQL took its rows from."),
    )
    widens = models.BooleanField(_("types may widen"), default=False, editable=False)
    type_rules = models.PositiveSmallIntegerField(
        _("revision of the type rules"), default=1, editable=False
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
            # Two uploads that take the next number at the same moment.
            models.UniqueConstraint(
                fields=["dataset", "number"], name="dataset_version_number"
            ),
            # Two uploads of the same rows that become ready at once: one version.
            models.UniqueConstraint(
                fields=["dataset", "digest"],
                condition=Q(state=VersionState.READY, purged_at=None),
                name="dataset_version_digest",
            ),
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=Q(state__in=VersionState.values),
                name="dataset_version_state",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"

    def fail(self, reason: str) -> None:
        """Record why there is no content. Call it in a transaction.

        A version that is not being read stays as it is.
        """
        if self._move(VersionState.FAILED, state_reason=reason[:2000]):
            audit.record("fail_version", self, by=None, changes={"reason": reason})
        self.refresh_from_db()

    def append_to(self, base: "DatasetVersion", *, widens: bool) -> None:
        """Record whose rows come first. Call it in a transaction."""
        self.appended_to, self.widens = base, widens
        self.save(update_fields=["appended_to", "widens"])

    def become_ready(
        self, outcome: IngestedContent, columns: Sequence["Column"]
    ) -> None:
        """Write the reader's outcome. Call it in a transaction, with the lock.

        Raises IllegalMove unless the version is being read.
        """
        found = {
            "state_reason": "",
            "digest": outcome.digest,
            "content_digest": outcome.content_digest,
            "size_bytes": outcome.size_bytes,
            "row_count": outcome.row_count,
            "column_count": len(columns),
            "source_format": outcome.format,
            "report": dict(outcome.report),
            "type_rules": outcome.type_rules,
            "ready_at": timezone.now(),
        }
        if not self._move(VersionState.READY, **found):
            self.refresh_from_db(fields=["state"])
            raise IllegalMove(f"{self} is {self.state}; it cannot become ready.")
        Column.objects.bulk_create(columns)
        audit.record("ready_version", self, by=None, changes={"digest": self.digest})

    def cancel(self, *, by: User | None) -> None:
        """Stop reading the files. Raises IllegalMove unless it is being read."""
        self._require(VersionState.PROCESSING, "cancelled")
        with transaction.atomic():
            self.job.request_cancel()
            self.fail(f"Cancelled by {by.username if by else 'a caller'}.")
        self.refresh_from_db()

    def retry(
        self, *, by: User | None, options: Mapping[str, Any] | None = None
    ) -> None:
        """Read the same files again, with other options if they are given.

        Raises IllegalMove unless reading them failed.
        """
        self._require(VersionState.FAILED, "tried again")
        self.require_files()
        chosen = self.options if options is None else dict(options)
        with transaction.atomic():
            if not self._move(VersionState.PROCESSING, state_reason="", options=chosen):
                raise IllegalMove("Someone else tried this again already.")
            self.job.reset()
            audit.record("retry_version", self, by=by, changes={"options": chosen})
        self.refresh_from_db()

    @property
    def is_stale(self) -> bool:
        """Whether it appends to a version that is no longer current."""
        base = self.appended_to_id
        return base is not None and base != self.dataset.current_version_id

    def require_files(self) -> "list[SourceFile]":
        """Return the uploaded files. Raises IllegalMove when they are gone."""
        files = list(self.sources.all())
        if not files or not all(storage.is_there(file.key) for file in files):
            raise IllegalMove("The uploaded files are gone; upload them again.")
        return files

    def take_back(self, files: Sequence[IncomingFile]) -> None:
        """Keep uploaded files that are the same bytes as this version's own."""
        own = list(self.sources.all())
        if [file.sha256 for file in own] != [file.sha256 for file in files]:
            return
        for mine, given in zip(own, files, strict=True):
            if storage.is_there(given.key) and not storage.is_there(mine.key):
                byte_store().copy(given.key, mine.key)
                given.discard()

    def store_content_digest(self, digest: str) -> None:
        """Store the digest of a version that has none; a content never changes."""
        rows = DatasetVersion.objects.filter(pk=self.pk, content_digest="")
        rows.update(content_digest=digest)

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
        keys, digest = [file.key for file in self.sources.all()], self.digest

        def drop() -> None:
            for key in keys:
                byte_store().delete(key)
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

    def differs_by_rules_only(self, earlier: "DatasetVersion") -> bool:
        """Whether both are the same bytes and options, read by other type rules."""
        return (
            self.type_rules != earlier.type_rules
            and bool(self.source_sha256)
            and self.source_sha256 == earlier.source_sha256
            and self.options == earlier.options
        )

    @property
    def column_names(self) -> list[str]:
        """The names of the columns in file order."""
        return list(self.columns.order_by("position").values_list("name", flat=True))

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

    def _move(self, state: VersionState, **columns: Any) -> bool:
        """Compare and swap: make a legal move and write the columns, or neither."""
        before = [old for old, ways in VERSION_MOVES.items() if state in ways]
        rows = DatasetVersion.objects.filter(pk=self.pk, state__in=before)
        if not rows.update(state=state, **columns):
            return False
        for name, value in {"state": state, **columns}.items():
            setattr(self, name, value)
        return True

    def _require(self, state: VersionState, word: str) -> None:
        if self.state != state:
            raise IllegalMove(f"{self} is {self.state}; it cannot be {word}.")


def drop_content(digest: str) -> None:
    """Delete a content and what was computed from it, unless a version uses it.

    Writers of such a version hold the content's lock meanwhile.
    """
    with storage.held(digest):
        if not DatasetVersion.objects.holding_bytes().filter(digest=digest).exists():
            StoredAnalysis.objects.filter(digest=digest).delete()
            storage.discard_content(digest)


def drop_answers(before: datetime) -> None:
    """Delete answers computed before a moment from contents that no version holds."""
    held = DatasetVersion.objects.holding_bytes().filter(digest=OuterRef("digest"))
    old = StoredAnalysis.objects.filter(computed_at__lt=before)
    old.exclude(Exists(held)).delete()
