"""Liveness and readiness, for whatever restarts processes and routes requests."""

import logging
import tempfile

from django.conf import settings
from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

logger = logging.getLogger(__name__)

# SQLite says it in words, PostgreSQL in a state: no such table, no such column.
_WORDS_OF_OLD_TABLES = ("no such table", "no such column")
_STATES_OF_OLD_TABLES = frozenset({"42P01", "42703"})
MIGRATIONS_MISSING = (
    "The database is not migrated to this version; run `manage.py migrate`."
)


def alive(_request: HttpRequest) -> JsonResponse:
    """Answer 200 whenever the process can answer at all; asks nothing of others."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, tables and data folder are fit for work, else 503."""
    checks = {"database": _database(), "data_folder": _data_folder()}
    fit = all(word == "ok" for word in checks.values())
    body = {"status": "ok" if fit else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if fit else 503)


def lacks_migrations(error: Exception) -> bool:
    """Return whether a statement failed for a table or column that is not there."""
    if not isinstance(error, OperationalError | ProgrammingError):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state in _STATES_OF_OLD_TABLES or str(error).startswith(_WORDS_OF_OLD_TABLES)


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
