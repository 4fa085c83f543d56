"""Where a restore goes: whether it is empty, and the mark that it is not done yet."""

import json
import os
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import Model

from mlops.backup.registration import listings, reasons_to_wait
from mlops.backup.tables import carried, label
from mlops.core.byte_store import byte_store
from mlops.env import RESTORING

_MADE_BY_MIGRATIONS: Final = frozenset(
    {"auth.Group", "auth.Group_permissions", "auth.Permission"}
    | {"contenttypes.ContentType", "deployments.EnvironmentRule"}
    | {"deployments.DriftRule"}
)
"""Tables whose rows say nothing of whether somebody has used an installation."""


class NotEmpty(Exception):
    """There is something where the restore would go."""


def require_empty(backup: str) -> None:
    """Raise NotEmpty unless nothing is there but what this restore has left before."""
    if used := next(filter(_has_rows, carried()), None):
        raise NotEmpty(
            f"The database has rows ({label(used)}). A restore is a copy, into an "
            "empty place; say --replace to lose what is there."
        )
    if marked() == backup:
        return
    for prefix in listings():
        if next(byte_store().listing(prefix), None) is not None:
            raise NotEmpty(
                f"{settings.DATA_DIR} holds files below {prefix}. A restore is a copy, "
                "into an empty place; say --replace to have it here all the same."
            )


def require_stopped() -> None:
    """Raise NotEmpty while a process of the installation that is there works."""
    if not has_tables():
        return
    for reason in reasons_to_wait():
        if sentence := reason():
            raise NotEmpty(sentence)


def has_tables() -> bool:
    """Whether the database has been migrated to anything."""
    return "django_migrations" in connection.introspection.table_names()


def marked() -> str:
    """Return the backup whose restore has not ended here, "" if there is none."""
    try:
        value: dict[str, Any] = json.loads(_mark().read_bytes())
    except (OSError, ValueError):
        return ""
    return str(value.get("backup", ""))


def mark(backup: str) -> None:
    """Let nothing start here until the restore has ended."""
    draft = _mark().with_name(f"{RESTORING}.{os.getpid()}")
    draft.write_text(json.dumps({"backup": backup}))
    _sync(draft)
    draft.replace(_mark())
    _sync(_mark().parent)


def unmark() -> None:
    _mark().unlink(missing_ok=True)
    _sync(_mark().parent)


def _mark() -> Path:
    return Path(settings.DATA_DIR) / RESTORING


def _has_rows(model: type[Model]) -> bool:
    if label(model) in _MADE_BY_MIGRATIONS:
        return False
    table = model._meta.db_table  # noqa: SLF001 - Django's public name
    if table not in connection.introspection.table_names():
        return False
    with connection.cursor() as cursor:
        # The columns may be those of an earlier version.
        cursor.execute(
            f"SELECT 1 FROM {connection.ops.quote_name(table)} LIMIT 1"  # noqa: S608 - a model's
        )
        return cursor.fetchone() is not None


def app_tables() -> list[str]:
    """Return the tables there that are of this project's apps, of any version."""
    starts = tuple(f"{app.label}_" for app in apps.get_app_configs())
    names = connection.introspection.table_names()
    return [name for name in names if name.startswith((*starts, "django_"))]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
