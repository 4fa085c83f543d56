"""The names of metrics, parameters and tags, stored once and referred to by id."""

from collections.abc import Iterable

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from lifecycle.store import keys

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
        """Return the id of each name; names that are new are stored."""
        with connection.cursor() as cursor:
            return keys.intern(cursor, names)
