"""The registry's names: models, their tags and their aliases."""

from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from mlops.core import audit, names
from mlops.core.errors import AlreadyExists, NotFound
from mlops.core.models import User

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def find(self, name: str) -> "RegisteredModel":
        """Return the model with this name. Raises NotFound."""
        model = self.filter(name=name).first()
        if model is None:
            raise NotFound(f"There is no model {name!r}.", field="model_name")
        return model


class RegisteredModel(models.Model):
    """A named model. What can be served are its versions."""

    name = models.CharField(_("name"), max_length=256, unique=True)
    description = models.TextField(_("description"), blank=True)
    next_number = models.PositiveIntegerField(default=1, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    objects = RegisteredModelQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("registered model")
        verbose_name_plural = _("registered models")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def create(cls, name: str, *, by: User | None) -> "RegisteredModel":
        """Make a model. Raises Invalid, or AlreadyExists also for a lost race."""
        model, is_new = cls._get_or_make(name, by=by)
        if not is_new:
            raise AlreadyExists(f"There is a model {model} already.", field="name")
        return model

    @classmethod
    def get_or_make(cls, name: str, *, by: User | None) -> "RegisteredModel":
        """Return the model with this name, made if there is none yet.

        Raises Invalid for a name with `/`, `:` or what else no name may hold.
        """
        model, _is_new = cls._get_or_make(name, by=by)
        return model

    def set_alias(
        self, alias: str, version: "ModelVersion", *, by: User | None
    ) -> None:
        """Point the alias to a version of this model, wherever it pointed before."""
        with transaction.atomic():
            self._lock()
            old = self.aliases.select_related("version").filter(alias=alias).first()
            before = old.version.number if old else None
            if before == version.number:
                return
            self.aliases.update_or_create(alias=alias, defaults={"version": version})
            self._note_alias(alias, before, version.number, by=by)

    def drop_alias(self, alias: str, *, by: User | None) -> None:
        """Remove the alias; one that is not there is no error."""
        with transaction.atomic():
            self._lock()
            old = self.aliases.select_related("version").filter(alias=alias).first()
            if old is None:
                return
            old.delete()
            self._note_alias(alias, old.version.number, None, by=by)

    def take_number(self) -> int:
        """Return the next version number; the model stays locked until the commit."""
        self._lock()
        number = self.next_number
        self.next_number = number + 1
        self.save(update_fields=["next_number", "updated_at"])
        return number

    @classmethod
    def _get_or_make(
        cls, name: str, *, by: User | None
    ) -> tuple["RegisteredModel", bool]:
        name = names.clean(name, field="model_name")
        with transaction.atomic():
            model, is_new = cls.objects.get_or_create(
                name=name, defaults={"created_by": by}
            )
            if is_new:
                audit.record("create", model, by=by)
        return model, is_new

    def _lock(self) -> None:
        locked = type(self).objects.select_for_update().filter(pk=self.pk).first()
        if locked is None:
            raise NotFound("The model was deleted.", field="model_name")
        self.next_number = locked.next_number

    def _note_alias(
        self, alias: str, before: int | None, after: int | None, *, by: User | None
    ) -> None:
        self.alias_changes.create(
            alias=alias, from_number=before, to_number=after, changed_by=by
        )
        audit.record("alias", self, by=by, changes={alias: [before, after]})


class RegisteredModelTag(models.Model):
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        verbose_name = _("registered model tag")
        verbose_name_plural = _("registered model tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once; the second one replaces.
            models.UniqueConstraint(
                fields=["model", "key"], name="registered_model_tag"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class ModelAlias(models.Model):
    """A name that points to one version of a model at a time."""

    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="aliases")
    alias = models.CharField(_("alias"), max_length=255)
    version = models.ForeignKey(
        "lifecycle.ModelVersion", models.CASCADE, related_name="aliases"
    )

    class Meta:
        ordering = ("alias",)
        verbose_name = _("alias")
        verbose_name_plural = _("aliases")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # An alias names one version; moving it is an update of this row.
            models.UniqueConstraint(fields=["model", "alias"], name="model_alias")
        ]

    def __str__(self) -> str:
        return f"{self.model}@{self.alias}"


class AliasChange(models.Model):
    """An alias was set, moved or removed: who, when, from which version to which."""

    model = models.ForeignKey(
        RegisteredModel, models.CASCADE, related_name="alias_changes"
    )
    alias = models.CharField(_("alias"), max_length=255)
    from_number = models.PositiveIntegerField(_("from version"), null=True)
    to_number = models.PositiveIntegerField(_("to version"), null=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(_("changed"), auto_now_add=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("alias change")
        verbose_name_plural = _("alias changes")

    def __str__(self) -> str:
        return f"{self.alias}: {self.from_number} → {self.to_number}"
