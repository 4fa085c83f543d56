"""An export from its first row to the name of its database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from django.db import connection

from lifecycle.exporting import registry, tracking
from lifecycle.exporting.target import ExportTarget
from lifecycle.models import Run

_BEGIN: Final = {
    "sqlite": "BEGIN",
    "postgresql": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}

Told = Callable[[int, int], None]


def write_out(folder: Path, *, tell: Told | None = None) -> ExportTarget:
    """Write everything as of this moment into an empty folder; the server may stay up.

    `tell` hears how many runs of how many are written. Raises TargetTaken. The database
    has its name once it is whole; an export that is killed leaves `mlflow.db.part`.
    """
    target = ExportTarget(folder)
    with _as_of_now():
        total, done = Run.objects.count(), 0
        tracking.write_experiments(target)
        for page in tracking.write_runs(target):
            done += page
            if tell is not None:
                tell(done, total)
        tracking.write_logged_models(target)
        registry.write_models(target)
    target.finish()
    return target


@contextmanager
def _as_of_now() -> Iterator[None]:
    """Read all of one moment and hold no lock that a writer waits for.

    Django's own transactions would take SQLite's one place for writers.
    """
    if connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN[connection.vendor])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
