"""Parameters, written once, and the tags of a run, written over."""

import json
from typing import Any, ClassVar

from django.db import models
from django.db.models import F
from django.db.models.functions import Left
from django.utils.translation import gettext_lazy as _

from lifecycle.models.key import Key

INDEXED_CHARACTERS = 200


class Param(models.Model):
    """A parameter, written once. `is_json` marks text that holds a JSON value."""

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="params", db_index=False
    )
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    value = models.TextField(_("value"))
    is_json = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("parameter")
        verbose_name_plural = _("parameters")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # A parameter has one value: of two writers at once the second is refused.
            models.UniqueConstraint(fields=["run", "key"], name="param_key")
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Filters and orders by a parameter; the value's beginning, as it may be
            # long.
            models.Index(
                F("key"), Left("value", INDEXED_CHARACTERS), F("run"), name="param_walk"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"

    @property
    def plain(self) -> Any:
        """The value as it was logged: text, or what its JSON says."""
        return json.loads(self.value) if self.is_json else self.value


class RunTag(models.Model):
    """A key with a value. A REST tag `a` is the key a with "", `a=b` a with b."""

    run = models.ForeignKey(
        "lifecycle.Run", models.CASCADE, related_name="tags", db_index=False
    )
    key = models.ForeignKey(Key, models.PROTECT, related_name="+", db_index=False)
    value = models.TextField(_("value"), blank=True)

    class Meta:
        verbose_name = _("run tag")
        verbose_name_plural = _("run tags")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Two writers of one key at once; the second one replaces.
            models.UniqueConstraint(fields=["run", "key"], name="run_tag_key")
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Filters and orders by a tag; the value's beginning, as it may be long.
            models.Index(
                F("key"), Left("value", INDEXED_CHARACTERS), F("run"), name="tag_walk"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key}={self.value}"
