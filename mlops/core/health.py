"""Liveness and readiness, for whatever restarts processes and routes requests."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

logger = logging.getLogger(__name__)

# SQLite says it in words, PostgreSQL in a state: no such table, no such column.
_WORDS_OF_OLD_TABLES = ("no such table", "no such column")
_STATES_OF_OLD_TABLES = frozenset({"42P01", "42703"})
LOW = 0.05
"""The part of the disk below which the store is said to be low."""
_others: dict[str, Callable[[], dict[str, Any]]] = {}
MIGRATIONS_MISSING = (
    "The database is not migrated to this version; run `manage.py migrate`."
)


def alive(_request: HttpRequest) -> JsonResponse:
    """Answer 200 whenever the process can answer at all; asks nothing of others."""
    return JsonResponse({"status": "ok"})


def register_other(name: str, state: Callable[[], dict[str, Any]]) -> None:
    """Add another program's `state` and `age_s`, which readiness names and no more."""
    _others[name] = state


def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, tables and data folder are fit for work, else 503.

    What the others do is named, and turns nothing: web answers without them.
    """
    others = {name: state() for name, state in _others.items()}
    if settings.PRODUCTION:
        others["static_files"] = {"state": _static_files(), "age_s": None}
    return answer(own_checks(), **others, store=_store())


def own_checks() -> dict[str, str]:
    """Return what a process needs for itself, each "ok" or what is wrong."""
    return {"database": _database(), "data_folder": _data_folder()}


def answer(checks: Mapping[str, str], **others: dict[str, Any]) -> JsonResponse:
    """Return the answer of a readiness probe: 200 if all of its own checks are ok."""
    fit = all(word == "ok" for word in checks.values())
    body = {"status": "ok" if fit else "unavailable", "checks": checks}
    return JsonResponse({**body, "others": others}, status=200 if fit else 503)


def static_files_are_collected() -> bool:
    """Return whether the pages' styles lie where production serves them from."""
    return (settings.STATIC_ROOT / "unfold" / "css" / "styles.css").is_file()


def lacks_migrations(error: Exception) -> bool:
    """Return whether a statement failed for a table or column that is not there."""
    if not isinstance(error, OperationalError | ProgrammingError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state in _STATES_OF_OLD_TABLES or str(error).startswith(_WORDS_OF_OLD_TABLES)


def _static_files() -> str:
    return "ok" if static_files_are_collected() else "not collected"


def _store() -> dict[str, Any]:
    """Return how much room the data folder's disk has, as of now."""
    try:
        disk = shutil.disk_usage(settings.DATA_DIR)
    except OSError:
        return {"state": "unknown", "age_s": None}
    state = "ok" if disk.free >= disk.total * LOW else "low"
    return {"state": state, "age_s": 0.0, "free_bytes": disk.free}


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are missing"
    except DatabaseError:
        logger.warning("The database is not ready", exc_info=True)
        return "does not answer"
    return "ok"


def _data_folder() -> str:
    try:
        with tempfile.TemporaryFile(dir=settings.DATA_DIR) as probe:
            probe.write(b"x")
            probe.flush()
    except OSError:
        logger.warning("The data folder is not ready", exc_info=True)
        return "not writable"
    return "ok"
