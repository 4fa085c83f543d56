"""One instant of the database, to be read for as long as it takes.

SQLite: a read transaction in WAL, which writers do not wait for; the log cannot be
taken in meanwhile and grows by what they write. PostgreSQL: REPEATABLE READ.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.db import connection, connections, transaction
from django.db.models import Model

ALIAS: Final = "snapshot"


@contextmanager
def snapshot() -> Iterator[str]:
    """Give the alias of a connection that sees the database as it is now."""
    made = connection.copy(ALIAS)
    # All is read in one transaction: no pooler can lose its cursors.
    made.settings_dict["DISABLE_SERVER_SIDE_CURSORS"] = False
    if connection.vendor == "sqlite":
        # A reader takes no lock for writing.
        made.settings_dict["OPTIONS"]["transaction_mode"] = "DEFERRED"
    connections[ALIAS] = made
    try:
        with transaction.atomic(using=ALIAS):
            _begin()
            yield ALIAS
    finally:
        made.close()
        del connections[ALIAS]


def sequences(models: list[type[Model]]) -> dict[str, int]:
    """Return the last number that was given out for a key, by table."""
    with connections[ALIAS].cursor() as cursor:
        if connections[ALIAS].vendor == "sqlite":
            cursor.execute("SELECT name, seq FROM sqlite_sequence")
            return dict(cursor.fetchall())
        found = {}
        for model in models:
            options = model._meta  # noqa: SLF001 - Django's public name
            table, column = options.db_table, options.pk.column
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
            (sequence,) = cursor.fetchone()
            if sequence is not None:
                cursor.execute(
                    f"SELECT last_value - (NOT is_called)::int FROM {sequence}"  # noqa: S608 - its name is PostgreSQL's
                )
                found[table] = cursor.fetchone()[0]
        return found


def _begin() -> None:
    with connections[ALIAS].cursor() as cursor:
        if connections[ALIAS].vendor == "sqlite":
            # The snapshot begins with the first look.
            cursor.execute("SELECT count(*) FROM sqlite_master")
            cursor.fetchone()
            return
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            cursor.execute(f"SET LOCAL {limit} = 0")
        cursor.execute("SELECT 1")
