"""Child rows of a version: its columns, and its source files."""

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from datasets import storage
from datasets.storage import IncomingFile
from mlops.core.byte_store import byte_store
from mlops.core.models.nul_safe import NulSafeJSONField, NulSafeTextField


class SourceFile(models.Model):
    """An uploaded file of a version; its bytes go once the version is ready."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(
        "datasets.DatasetVersion", models.CASCADE, related_name="sources"
    )
    position = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=255)
    size_bytes = models.BigIntegerField(_("bytes"))
    sha256 = models.CharField(max_length=64)

    class Meta:
        ordering = ("version", "position")
        verbose_name = _("source file")
        verbose_name_plural = _("source files")

    def __str__(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        return storage.incoming_key(self.id)

    @property
    def path(self) -> Path:
        return byte_store().local(self.key)


class Column(models.Model):
    """A column of a version, in file order, with the type DuckDB gives it."""

    version = models.ForeignKey(
        "datasets.DatasetVersion", models.CASCADE, related_name="columns"
    )
    position = models.PositiveIntegerField(_("position"))
    # Datasets that have a column: `?feature=` of the list.
    name = models.CharField(_("name"), max_length=255, db_index=True)
    original_name = NulSafeTextField(_("name in the file"))
    data_type = NulSafeTextField(_("type"))
    null_count = models.BigIntegerField(_("missing values"), default=0)
    profile = NulSafeJSONField(_("profile"), default=dict)

    class Meta:
        ordering = ("version", "position")
        verbose_name = _("column")
        verbose_name_plural = _("columns")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Positions are the order of columns; the file's reader writes each once.
            models.UniqueConstraint(
                fields=["version", "position"], name="column_position"
            ),
            # Questions and rules name columns; a name stands for one.
            models.UniqueConstraint(fields=["version", "name"], name="column_name"),
        ]

    def __str__(self) -> str:
        return self.name


def ending_of(name: str) -> str:
    """Return what the name of a file says of its format, below what packs it."""
    path = PurePath(name.lower())
    packed = path.suffix in {".gz", ".zst", ".zstd"}
    return PurePath(path.stem).suffix if packed else path.suffix


def combined_sha256(files: Sequence[IncomingFile]) -> str:
    """Return one digest for several files: of their digests, in order.

    Folders that a file was in may be columns, so they count too.
    """
    named = [file.sha256 + (file.name if "/" in file.name else "") for file in files]
    if len(files) == 1 and named == [files[0].sha256]:
        return files[0].sha256
    return hashlib.sha256("".join(named).encode()).hexdigest()
