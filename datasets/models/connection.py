"""Storage that an admin allows datasets to be read from, besides uploads."""

import uuid
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from datasets.errors import ConnectionNotFound, FolderNotAllowed


class ConnectionKind(models.TextChoices):
    FOLDER = "folder", _("folder on the server")
    S3 = "s3", _("S3-compatible bucket")


class StorageConnectionQuerySet(models.QuerySet["StorageConnection"]):
    def named(self, name: str) -> "StorageConnection":
        """Return the connection of this name. Raises ConnectionNotFound."""
        found = self.filter(name=name).first()
        if found is None:
            raise ConnectionNotFound(
                f"There is no connection {name!r}.", field="connection"
            )
        return found


class StorageConnection(models.Model):
    """A named source, configured by an admin; clients send its name, never an address.

    The secret key is not stored: `secret_variable` names the server's environment
    variable that has it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=ConnectionKind.choices)
    folder = models.CharField(_("folder"), max_length=1000, blank=True)
    endpoint = models.URLField(_("endpoint"), blank=True)
    bucket = models.CharField(_("bucket"), max_length=255, blank=True)
    prefix = models.CharField(_("prefix"), max_length=500, blank=True)
    region = models.CharField(_("region"), max_length=64, blank=True)
    access_key = models.CharField(_("access key"), max_length=255, blank=True)
    secret_variable = models.CharField(
        _("variable with the secret key"), max_length=100, blank=True
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    objects = StorageConnectionQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("storage connection")
        verbose_name_plural = _("storage connections")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Choices are a form's word; this holds for every writer.
            models.CheckConstraint(
                condition=models.Q(kind__in=ConnectionKind.values),
                name="storage_connection_kind",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Say which field the chosen kind still needs."""
        needed = {ConnectionKind.FOLDER: "folder", ConnectionKind.S3: "bucket"}
        field = needed.get(ConnectionKind(self.kind)) if self.kind else None
        if field and not getattr(self, field):
            raise ValidationError({field: _("This kind of connection needs it.")})
        if self.kind == ConnectionKind.FOLDER:
            try:
                self.root()
            except FolderNotAllowed as refused:
                raise ValidationError({"folder": refused.message}) from None

    def root(self) -> Path:
        """Return the folder to read from, without links. Raises FolderNotAllowed.

        The environment says which folders may be read: whoever may write rows is not
        whoever runs the server. Our own data is never among them.
        """
        folder, ours = Path(self.folder).resolve(), Path(settings.DATA_DIR).resolve()
        if folder.is_relative_to(ours) or ours.is_relative_to(folder):
            raise FolderNotAllowed(
                f"The folder of the connection {self.name!r} holds, or lies in, the "
                "data of this server itself.",
                field="connection",
            )
        allowed = [Path(each).resolve() for each in settings.STORAGE_FOLDERS]
        if not any(folder.is_relative_to(each) for each in allowed):
            raise FolderNotAllowed(
                f"The folder of the connection {self.name!r} is not allowed: whoever "
                "runs the server names it, or one above it, in MLOPS_STORAGE_FOLDERS.",
                field="connection",
            )
        return folder
