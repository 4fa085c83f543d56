"""Metrics of the program itself: its build, its database, the disk of its store."""

import os
import platform
from collections.abc import Callable, Iterable
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from mlops import __version__
from mlops.core import queues


def build_of(program: str) -> Callable[[], Iterable[Metric]]:
    """Return a source that names what runs: `web` or `worker`."""

    def family() -> Iterable[Metric]:
        made = GaugeMetricFamily(
            "mlops_build_info",
            "Always 1; version and Python are its labels.",
            labels=("program", "version", "python"),
        )
        made.add_metric((program, __version__, platform.python_version()), 1)
        yield made

    return family


def database() -> Iterable[Metric]:
    """Yield whether the database answers, its size, and connections on PostgreSQL."""
    is_up = GaugeMetricFamily("mlops_database_up", "1 if the database answers, else 0.")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        found = list(_FIGURES[connection.vendor]())
    except DatabaseError:
        is_up.add_metric((), 0)
        yield is_up
        return
    is_up.add_metric((), 1)
    yield from (is_up, *found)


def _of_postgresql() -> Iterable[Metric]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        yield _size(cursor.fetchone()[0])
        cursor.execute(
            "SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() GROUP BY 1"
        )
        counts = GaugeMetricFamily(
            "mlops_database_connections",
            "Connections to this database by state, of all programs.",
            labels=("state",),
        )
        for state, count in cursor.fetchall():
            counts.add_metric((state,), count)
        yield counts
        cursor.execute("SELECT current_setting('max_connections')")
        most = GaugeMetricFamily(
            "mlops_database_max_connections", "How many the server allows in all."
        )
        most.add_metric((), int(cursor.fetchone()[0]))
        yield most


def _of_sqlite() -> Iterable[Metric]:
    path = Path(connection.settings_dict["NAME"])
    files = (path, path.with_name(f"{path.name}-wal"))
    yield _size(sum(file.stat().st_size for file in files if file.exists()))


def _size(size_bytes: int) -> Metric:
    family = GaugeMetricFamily(
        "mlops_database_size_bytes", "Size of the database; of SQLite with its log."
    )
    family.add_metric((), size_bytes)
    return family


def store() -> Iterable[Metric]:
    """Yield room and files of the file system that the data folder lies on."""
    try:
        disk = os.statvfs(settings.DATA_DIR)
    except OSError:
        return
    block = disk.f_frsize
    for name, text, value in (
        ("free_bytes", "Bytes that may still be written.", disk.f_bavail * block),
        ("size_bytes", "Bytes in all.", disk.f_blocks * block),
        ("free_files", "Files that may be made; 0 without a limit.", disk.f_favail),
        ("size_files", "Files in all; 0 without a limit.", disk.f_files),
    ):
        family = GaugeMetricFamily(
            f"mlops_store_{name}", f"Of the data folder's file system. {text}"
        )
        family.add_metric((), value)
        yield family


def queue_families() -> Iterable[Metric]:
    """Yield length and age of every queue of the worker."""
    length = GaugeMetricFamily(
        "mlops_queue_length", "What waits for the worker.", labels=("queue",)
    )
    age = GaugeMetricFamily(
        "mlops_queue_oldest_age_seconds",
        "How long the oldest has waited; 0 if none does.",
        labels=("queue",),
    )
    now = timezone.now()
    for name, found in queues.all_waiting().items():
        length.add_metric((name,), found.count)
        waited = now - (found.since or now)
        age.add_metric((name,), max(waited.total_seconds(), 0.0))
    yield from (length, age)


_FIGURES = {"postgresql": _of_postgresql, "sqlite": _of_sqlite}
