"""The registry's names: models, their tags and their aliases."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import connection, models, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_lazy as _

from lifecycle.states import IS_PROMPT
from lifecycle.store import aliases, versions
from lifecycle.store import registered_models as store
from lifecycle.store.registered_models import LockedModel
from mlops.core.errors import Invalid, NotFound
from mlops.core.models import User

if TYPE_CHECKING:
    from lifecycle.models.version import ModelVersion


class RegisteredModelQuerySet(models.QuerySet["RegisteredModel"]):
    def find(self, name: str) -> "RegisteredModel":
        """Return the model with this name. Raises NotFound; a prompt is no model."""
        model = self.without_prompts().filter(name=name).first()
        if model is None:
            raise NotFound(f"There is no model {name!r}.", field="model_name")
        return model

    def without_prompts(self) -> Self:
        """Leave out MLflow's prompts: rows of the registry with a tag that says so."""
        return self.filter(~Exists(RegisteredModelTag.objects.prompts_of("pk")))


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
    def create(
        cls,
        name: str,
        *,
        by: User | None,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> "RegisteredModel":
        """Make a model. Raises Invalid, or AlreadyExists also for a lost race."""
        with transaction.atomic(), connection.cursor() as cursor:
            made = store.create(
                cursor,
                name,
                by=by.pk if by else None,
                description=description,
                tags=tags,
            )
        return cls.objects.get(pk=made.pk)

    @classmethod
    def get_or_make(cls, name: str, *, by: User | None) -> "RegisteredModel":
        """Return the model with this name, made if there is none yet.

        Raises Invalid for a name with `/`, `:` or what else no name may hold.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            found = store.ensure(cursor, name, by=by.pk if by else None)
        return cls.objects.get(pk=found.pk)

    def describe(self, description: str, *, by: User | None) -> None:
        """Replace the description."""
        with self._locked(by) as (cursor, model, actor):
            store.describe(cursor, model, description, by=actor)
        self.refresh_from_db(fields=["description", "updated_at"])

    def rename(self, name: str, *, by: User | None) -> None:
        """Give another name.

        Raises AlreadyExists for a name in use, Invalid for one that cannot be, or
        once a version was deployed: that name is in the address where it is served.
        """
        with self._locked(by) as (cursor, model, actor):
            if self.versions.filter(deployments__isnull=False).exists():
                raise Invalid("A model that was deployed keeps its name.", field="name")
            store.rename(cursor, model, name, by=actor)
        self.refresh_from_db(fields=["name", "updated_at"])

    def remove(self, *, by: User | None) -> None:
        """Delete the model with its versions. Raises ProtectedError once deployed."""
        with transaction.atomic(), connection.cursor() as cursor:
            store.remove(cursor, self, by=by.pk if by else None)

    def set_tag(self, key: str, value: str, *, by: User | None) -> None:
        """Store a tag; one that is there gets the new value.

        Raises Invalid for the tag of a prompt on a model with a file to serve.
        """
        if (key, value) == (IS_PROMPT, "true"):
            self.versions.refuse_as_prompts()
        with self._locked(by) as (cursor, model, actor):
            store.set_tag(cursor, model, key, value, by=actor)

    def drop_tag(self, key: str, *, by: User | None) -> None:
        """Remove a tag; one that is not there is no error."""
        with self._locked(by) as (cursor, model, actor):
            store.drop_tag(cursor, model, key, by=actor)

    def set_alias(
        self, alias: str, version: "ModelVersion", *, by: User | None
    ) -> None:
        """Point the alias to a version of this model, wherever it pointed before.

        Raises Invalid for an alias that could be taken for a version, NotFound for a
        version that was deleted or is another model's.
        """
        with transaction.atomic(), connection.cursor() as cursor:
            locked = versions.lock(cursor, version.pk)
            if locked.model.pk != self.pk:
                raise NotFound(f"{locked} is no version of {self}.", field="version")
            target = (locked.key, locked.number)
            actor = by.pk if by else None
            aliases.point(cursor, locked.model, alias, target, by=actor)

    def drop_alias(self, alias: str, *, by: User | None) -> None:
        """Remove the alias; one that is not there is no error."""
        with self._locked(by) as (cursor, model, actor):
            aliases.drop(cursor, model, alias, by=actor)

    @contextmanager
    def _locked(
        self, by: User | None
    ) -> Iterator[tuple[CursorWrapper, LockedModel, int | None]]:
        """Lock the row for one verb of a person's. Raises NotFound if it is gone."""
        with transaction.atomic(), connection.cursor() as cursor:
            yield cursor, store.lock(cursor, self.pk), by.pk if by else None


class RegisteredModelTagQuerySet(models.QuerySet["RegisteredModelTag"]):
    def prompts_of(self, model: str) -> Self:
        """Tags which say that the model in a column of the outer query is a prompt."""
        return self.filter(model=OuterRef(model), key=IS_PROMPT, value="true")


class RegisteredModelTag(models.Model):
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    objects = RegisteredModelTagQuerySet.as_manager()

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
