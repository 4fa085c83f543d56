"""Differences between SQLite and PostgreSQL in the store's statements."""

import json
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils import timezone


def for_update(table: str = "") -> str:
    """Return the clause that holds a row; SQLite's writers wait at BEGIN already.

    `table` is the alias of the one that is held where others are joined. A holder keeps
    other holders out, not rows that refer to the one that is held: with FOR UPDATE a
    writer of points, who holds new keys and asks for its run, and one who holds the
    run and asks for those keys would wait for each other.
    """
    if not connection.features.has_select_for_update:
        return ""
    return f" FOR NO KEY UPDATE OF {table}" if table else " FOR NO KEY UPDATE"


def bytewise(column: str) -> str:
    """Return a text column as it is compared byte by byte, as SQLite compares all."""
    return f'{column} COLLATE "C"' if connection.vendor == "postgresql" else column


def moment(at: datetime) -> Any:
    """Return a moment as the database takes it: text for SQLite."""
    return connection.ops.adapt_datetimefield_value(at)


def now() -> Any:
    """Return this moment as the database takes it."""
    return moment(timezone.now())


def as_utc(stored: datetime) -> datetime:
    """Return a stored timestamp with its zone; SQLite keeps none, all are UTC."""
    return stored if stored.tzinfo else stored.replace(tzinfo=UTC)


def as_json(value: object) -> str:
    """Return what a JSON column takes."""
    return json.dumps(value)


def from_json(stored: Any) -> Any:
    """Return what a JSON column holds; both drivers hand over its text."""
    return json.loads(stored) if isinstance(stored, str | bytes) else stored
