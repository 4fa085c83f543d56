"""The registry's names: models, their tags and their aliases."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


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

    class Meta:
        ordering = ("name",)
        verbose_name = _("registered model")
        verbose_name_plural = _("registered models")

    def __str__(self) -> str:
        return self.name


class RegisteredModelTag(models.Model):
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="tags")
    key = models.CharField(max_length=250)
    value = models.TextField(blank=True)

    class Meta:
        verbose_name = _("registered model tag")
        verbose_name_plural = _("registered model tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
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
