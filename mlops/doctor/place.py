"""The machine's part: database, migrations, permissions, clocks, the interpreter."""

import os
import stat
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max

from mlops.core.models import AuditEntry
from mlops.doctor.findings import Ailment, Mending, Symptom

OLDEST_PYTHON: Final = (3, 11)
APART_S: Final = 5.0
AHEAD_S: Final = 60.0
"""How far in the future a moment may lie before a clock is to blame."""
DATABASE: Final = "database that does not answer"
SECRETS: Final = ("secret_key", "hook_key", "mlops.sqlite3")


def migrations() -> Iterator[Symptom]:
    """Yield that tables are of another version than this program."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    for migration, _ in plan:
        yield Symptom(
            Ailment.MIGRATIONS,
            f"{migration.app_label}.{migration.name}",
            "The database has not had this migration.",
            "Run `manage.py migrate`.",
        )
    known = executor.loader.disk_migrations
    apps = {app for app, _ in known}
    for app, name in executor.loader.applied_migrations:
        if app in apps and (app, name) not in known:
            yield Symptom(
                Ailment.MIGRATIONS,
                f"{app}.{name}",
                "The database has a migration that this version does not know.",
                "Run the version that made it, or a newer one.",
            )


def database() -> Iterator[Symptom]:
    """Yield what the database itself finds wrong with its rows and pages."""
    try:
        connection.check_constraints()
    except IntegrityError as broken:
        yield Symptom(Ailment.DATABASE, "references", str(broken))
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(20)")
        for (line,) in cursor.fetchall():
            if line != "ok":
                advice = "Restore the newest backup."
                yield Symptom(Ailment.DATABASE, "mlops.sqlite3", line, advice)


def permissions() -> Iterator[Symptom]:
    """Yield what others can read, and what this user cannot."""
    folder = Path(settings.DATA_DIR)
    if folder.stat().st_mode & 0o007:
        yield _mode(folder, 0o700, "Everybody on this machine can look into it.")
    for name in SECRETS:
        path = folder / name
        if path.exists() and path.stat().st_mode & 0o077 and name.endswith("_key"):
            yield _mode(path, 0o600, "Others than its owner can read it.")
    for top in ("artifacts", "datasets"):
        for found, folders, files in os.walk(folder / top):
            for name in (*folders, *files):
                yield from _of(Path(found) / name)


def clocks() -> Iterator[Symptom]:
    """Yield that the database's clock, or a moment on record, is apart from ours."""
    if connection.vendor == "postgresql":
        before = time.time()
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            (theirs,) = cursor.fetchone()
        apart = max(before - theirs, theirs - time.time())
        if apart > APART_S:
            text = f"The database's clock is {apart:.0f} seconds apart from this one's."
            yield Symptom(Ailment.CLOCKS, "database", text, "Set both by NTP.")
    newest = AuditEntry.objects.aggregate(at=Max("at"))["at"]
    if isinstance(newest, datetime):
        ahead = (newest - datetime.now(UTC)).total_seconds()
        if ahead > AHEAD_S:
            text = f"The newest entry is of {ahead:.0f} seconds from now."
            yield Symptom(Ailment.CLOCKS, "audit trail", text, "Set the clock by NTP.")
    for top in ("artifacts", "datasets"):
        yield from _from_the_future(Path(settings.DATA_DIR) / top)


def interpreter() -> Iterator[Symptom]:
    """Yield that this program runs in a Python that is too old for it."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        text = (
            f"It is Python {sys.version.split(maxsplit=1)[0]}; 3.11 or newer is needed."
        )
        yield Symptom(Ailment.INTERPRETER, sys.executable, text)


def examine() -> Iterator[Symptom]:
    """Yield everything above; only migrations where tables cannot be asked."""
    try:
        missing = list(migrations())
    except DatabaseError as error:
        text = " ".join(str(error).split())
        yield Symptom(Ailment.DATABASE, DATABASE, f"It does not answer: {text}")
        return
    yield from missing
    yield from permissions()
    yield from interpreter()
    yield from database()
    if not missing:
        yield from clocks()


def _of(path: Path) -> Iterator[Symptom]:
    try:
        found = path.lstat()
    except OSError:
        return  # it went meanwhile
    if stat.S_ISLNK(found.st_mode):
        text = "It is a link, which nothing here makes or follows."
        yield Symptom(Ailment.PERMISSIONS, str(path), text, "Look where it leads.")
        return
    if found.st_mode & 0o002:
        mode = stat.S_IMODE(found.st_mode) & ~0o022
        yield _mode(path, mode, "Everybody can write to it.")
        return
    needed = 0o500 if stat.S_ISDIR(found.st_mode) else 0o400
    if found.st_mode & needed != needed:
        mode = stat.S_IMODE(found.st_mode) | needed
        yield _mode(path, mode, "Its owner cannot read it.")


def _mode(path: Path, mode: int, what: str) -> Symptom:
    def act() -> str:
        path.chmod(mode)
        return f"changed the mode of {path} to {mode:o}"

    mending = Mending(f"chmod {mode:o} {path}", act)
    return Symptom(Ailment.PERMISSIONS, str(path), what, mending=mending)


def _from_the_future(folder: Path) -> Iterator[Symptom]:
    latest = time.time() + AHEAD_S
    for found, _, files in os.walk(folder):
        for name in files:
            path = Path(found) / name
            try:
                is_ahead = path.lstat().st_mtime > latest
            except OSError:
                continue
            if is_ahead:
                text = "It was written in the future, as this machine's clock has it."
                yield Symptom(Ailment.CLOCKS, str(path), text, "Set the clock by NTP.")
