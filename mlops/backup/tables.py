"""Which tables a backup carries: all of them, but for those listed here with a reason.

A new model comes along by itself. One that must not is named in `LEFT_OUT`.
"""

from collections.abc import Iterable
from typing import Any, Final, Protocol

from django.apps import apps
from django.db.models import Field, Model

LEFT_OUT: Final = {
    "sessions.Session": "sign-ins by cookie: people sign in again",
    "core.TokenFamily": "sign-ins by refresh token: people sign in again",
    "token_blacklist.OutstandingToken": "refresh tokens: people sign in again",
    "token_blacklist.BlacklistedToken": "refresh tokens: people sign in again",
    "core.RateCount": "requests of the last minute",
    "core.FilePin": "leases of backups that ran",
    "core.DelayedDeletion": "files that were about to be deleted",
    "core.Installation": "a copy is another installation",
    "core.BackupRecord": "backups of the installation that was copied",
    "datasets.UploadSession": "uploads under way: their clients begin again",
    "deployments.Lease": "who reconciled, and until when",
}
"""Labels of models, each with why its rows stay behind."""


class Registry(Protocol):
    """The models of now, or those of an earlier state of the migrations."""

    def get_models(self, *, include_auto_created: bool) -> Iterable[type[Model]]: ...


def carried(registry: Registry = apps) -> list[type[Model]]:
    """Return the models whose rows a backup has, by their labels."""
    models = registry.get_models(include_auto_created=True)
    found = [one for one in models if is_table(one) and label(one) not in LEFT_OUT]
    return sorted(found, key=label)


def is_table(model: type[Model]) -> bool:
    """Whether the model has a table of its own that migrations make."""
    options = model._meta  # noqa: SLF001 - Django's public name
    return options.managed and not options.proxy and not options.swapped


def label(model: type[Model]) -> str:
    return model._meta.label  # noqa: SLF001 - Django's public name


def columns(model: type[Model]) -> list["Field[Any, Any]"]:
    """Return the fields that have a column, in their order."""
    return list(model._meta.concrete_fields)  # noqa: SLF001
