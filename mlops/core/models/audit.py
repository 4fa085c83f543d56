"""What happened here, and who did it."""

from typing import Any, ClassVar, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from mlops.core.models.people import User


class AppendOnly(TypeError):
    """An attempt to change the audit trail, which is append-only."""

    def __init__(self) -> None:
        super().__init__("The audit trail is append-only.")


class Via(models.TextChoices):
    """How somebody came here; `system` is the program itself."""

    REST = "rest", _("REST API")
    MLFLOW = "mlflow", _("MLflow protocol")
    ADMIN = "admin", _("admin")
    COMMAND_LINE = "command line", _("command line")
    SYSTEM = "system", _("system")


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def update(self, **_values: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """One thing that happened: who did what to which object, when and from where.

    Written in the transaction of the change. `number` counts the entries of one
    object, from 1 and without a gap; entries from before it was counted have none, and
    no `via`. Immutable: here, and in SQL by a trigger of the database, which lets go
    only what `audit.prune` has put on record.
    """

    # `/audit?date_from=&date_to=`.
    at = models.DateTimeField(_("time"), auto_now_add=True, db_index=True)
    actor = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", verbose_name=_("actor")
    )
    action = models.CharField(_("action"), max_length=64)
    object_type = models.CharField(_("kind"), max_length=64)
    object_id = models.CharField(_("id"), max_length=256)
    object_name = models.CharField(_("name"), max_length=500, blank=True)
    changes = models.JSONField(_("changes"), default=dict, blank=True)
    request_id = models.CharField(_("request"), max_length=64, blank=True)
    remote_address = models.CharField(_("address"), max_length=64, blank=True)
    number = models.PositiveIntegerField(_("number"), null=True)
    via = models.CharField(
        _("by way of"),
        max_length=16,
        choices=Via.choices,
        blank=True,
        default="",
        db_default="",
    )

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        indexes: ClassVar[list[models.Index]] = [
            # Entries of one object: `/audit?object_type=&object_id=`, and its newest
            # number, which the next entry counts on from.
            models.Index(
                fields=["object_type", "object_id", "number"],
                name="audit_object_number",
            )
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Append the entry. Raises AppendOnly for one that is stored already."""
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise AppendOnly
