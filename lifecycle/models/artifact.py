"""A file that a run or a logged model keeps; its bytes lie outside the database."""

import uuid
from dataclasses import dataclass
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Reference:
    """A file that a client names: a remote label, or one uploaded to the run."""

    name: str
    uri: str
    artifact_type: str
    size_bytes: int = 0


class Artifact(models.Model):
    """A stored file (`size_bytes`, `sha256`) or a reference that a client named.

    A stored file lies under this row's id, never under a name of the client's.
    A reference has a `uri` and nothing else; it is a label that is never opened.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, null=True, related_name="artifacts"
    )
    logged_model = models.ForeignKey(
        "lifecycle.LoggedModel", models.CASCADE, null=True, related_name="artifacts"
    )
    path = models.CharField(_("path"), max_length=1000)
    artifact_type = models.CharField(_("type"), max_length=100, blank=True)
    uri = models.CharField(_("reference"), max_length=2000, blank=True)
    size_bytes = models.BigIntegerField(_("bytes"), default=0)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    is_stored = models.BooleanField(_("stored here"), default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        ordering = ("path",)
        verbose_name = _("artifact")
        verbose_name_plural = _("artifacts")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two uploads to one path at once: one row, whose file is the last one's.
            models.UniqueConstraint(
                fields=["run", "path"],
                condition=Q(run__isnull=False),
                name="artifact_of_run",
            ),
            # As above, of a logged model's files.
            models.UniqueConstraint(
                fields=["logged_model", "path"],
                condition=Q(logged_model__isnull=False),
                name="artifact_of_logged_model",
            ),
            # Who may read and what is deleted with it follow from the home.
            models.CheckConstraint(
                condition=Q(run__isnull=False, logged_model__isnull=True)
                | Q(run__isnull=True, logged_model__isnull=False),
                name="artifact_has_one_home",
            ),
        ]

    def __str__(self) -> str:
        return self.path

    def is_in_use(self) -> bool:
        """Whether a model version or a deployment uses these bytes."""
        return self.model_versions.exists() or self.deployments.exists()

    @property
    def framework(self) -> str:
        """The framework that the file's suffix stands for; "" if unknown."""
        return "onnx" if self.path.lower().endswith(".onnx") else ""
