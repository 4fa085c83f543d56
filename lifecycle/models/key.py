"""The names of metrics, parameters and tags, stored once and referred to by id."""

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

MAX_KEY_LENGTH = 250
"""The MLflow protocol's limit; the column is wider for the ends of old stores."""


class Key(models.Model):
    """The name of a metric, parameter or tag, stored once."""

    name = models.CharField(_("name"), max_length=500, unique=True)

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def intern(cls, names: Iterable[str]) -> dict[str, int]:
        """Return the id of each name; names that are new are stored.

        Writers that meet the same new name at once agree on one row. Call it once
        in a transaction: the rows are made in the order of the names, so that two
        writers never wait for each other in a circle.
        """
        wanted = sorted(set(names))
        ids = cls._ids(wanted)
        missing = [Key(name=name) for name in wanted if name not in ids]
        if missing:
            Key.objects.bulk_create(missing, ignore_conflicts=True)
            ids |= cls._ids([key.name for key in missing])
        return ids

    @classmethod
    def _ids(cls, names: list[str]) -> dict[str, int]:
        return dict(cls.objects.filter(name__in=names).values_list("name", "pk"))
