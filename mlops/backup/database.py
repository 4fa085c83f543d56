"""A new database in the place of the one there, all of it or nothing.

PostgreSQL: everything, its tables too, in one transaction. SQLite: in a file beside
the database, which takes its name in the end. Whatever kills it leaves what was there.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.db import connection, transaction

from mlops.backup.place import app_tables

_DRAFT: Final = ".restoring"
_PARTS: Final = ("", "-wal", "-shm", "-journal")


@contextmanager
def replaced() -> Iterator[None]:
    """Give an empty database behind the default connection; it counts in the end."""
    way = _new_file() if connection.vendor == "sqlite" else _one_transaction()
    with way:
        yield


@contextmanager
def _one_transaction() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET LOCAL {limit} = 0")
        tables = app_tables()
        functions = _trigger_functions(tables)
        for table in tables:
            cursor.execute(f"DROP TABLE IF EXISTS {_quoted(table)} CASCADE")
        for function in functions:
            cursor.execute(f"DROP FUNCTION IF EXISTS {function} CASCADE")
        yield
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _trigger_functions(tables: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tgfoid::regprocedure::text FROM pg_trigger"
            " JOIN pg_class ON pg_class.oid = tgrelid"
            " WHERE NOT tgisinternal AND relname = ANY(%s)"
            " AND relnamespace = current_schema()::regnamespace",
            [tables],
        )
        return [name for (name,) in cursor.fetchall()]


@contextmanager
def _new_file() -> Iterator[None]:
    name = Path(connection.settings_dict["NAME"])
    draft = name.with_name(name.name + _DRAFT)
    _remove(draft)
    connection.close()
    connection.settings_dict["NAME"] = draft
    try:
        with connection.cursor() as cursor:
            # It is thrown away unless all of it comes to be.
            cursor.execute("PRAGMA journal_mode=MEMORY")
            cursor.execute("PRAGMA synchronous=OFF")
        yield
        _finish(draft)
    except BaseException:
        connection.close()
        _remove(draft)
        raise
    finally:
        connection.settings_dict["NAME"] = name
    _take_its_place(draft, name)


def _finish(draft: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    descriptor = os.open(draft, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _take_its_place(draft: Path, name: Path) -> None:
    """Name the new file; what was there stays beside it under another name."""
    if name.exists():
        kept = f"{name.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        for part in _PARTS:
            old = name.with_name(name.name + part)
            if old.exists():
                old.rename(name.with_name(kept + part))
    draft.rename(name)
    descriptor = os.open(name.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(draft: Path) -> None:
    for part in _PARTS:
        draft.with_name(draft.name + part).unlink(missing_ok=True)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
