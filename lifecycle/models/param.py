"""Parameters, written once, and the tags of a run, written over."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.db.models import F
from django.db.models.functions import Left
from django.utils.translation import gettext_lazy as _

from lifecycle.errors import ParamConflict
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


def write_params(
    run_pk: int, params: Mapping[str, Any], key_ids: Mapping[str, int]
) -> None:
    """Store parameters; what is no text is kept as JSON.

    The same value again is no error. Raises ParamConflict for another value; the
    caller's transaction then undoes the whole batch. The caller holds the run.
    """
    rows = [
        Param(run_id=run_pk, key_id=key_ids[name], value=text, is_json=is_json)
        for name, (text, is_json) in (
            (name, _as_text(value)) for name, value in params.items()
        )
    ]
    stored = dict(
        Param.objects.filter(
            run_id=run_pk, key_id__in=[row.key_id for row in rows]
        ).values_list("key_id", "value")
    )
    names = {key_ids[name]: name for name in params}
    for row in rows:
        if stored.get(row.key_id, row.value) != row.value:
            raise ParamConflict(
                f"The parameter {names[row.key_id]!r} is {stored[row.key_id]!r} "
                "already and is written only once.",
                field="parameters",
            )
    Param.objects.bulk_create([row for row in rows if row.key_id not in stored])


def write_tags(
    run_pk: int, tags: Mapping[str, str], key_ids: Mapping[str, int]
) -> None:
    """Store tags; a tag that is there gets the new value."""
    rows = [
        RunTag(run_id=run_pk, key_id=key_ids[name], value=value)
        for name, value in sorted(tags.items(), key=lambda tag: key_ids[tag[0]])
    ]
    RunTag.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["run", "key"],
        update_fields=["value"],
    )


def _as_text(value: Any) -> tuple[str, bool]:
    """Return the text that is stored, and whether it is JSON."""
    if isinstance(value, str):
        return value, False
    return json.dumps(value, ensure_ascii=False, sort_keys=True), True
