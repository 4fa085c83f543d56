"""Liveness and readiness, for whatever restarts processes and routes requests."""

import logging
import tempfile

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse

logger = logging.getLogger(__name__)


def alive(_request: HttpRequest) -> JsonResponse:
    """Answer 200 whenever the process can answer at all; asks nothing of others."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, tables and data folder are fit for work, else 503."""
    checks = {"database": _database(), "data_folder": _data_folder()}
    fit = all(word == "ok" for word in checks.values())
    body = {"status": "ok" if fit else "unavailable", "checks": checks}
    return JsonResponse(body, status=200 if fit else 503)


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
