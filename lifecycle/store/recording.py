"""The door *record*: a history is stored as it is told, with one entry in the trail."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from mlops.core import audit

_KIND: Final = "lifecycle.history"


@dataclass(frozen=True, slots=True)
class Recording:
    """A history that is being told: where to write, and how much of what came."""

    cursor: CursorWrapper
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, what: str, number: int = 1) -> None:
        """Note that so many things of a kind were stored."""
        if number:
            self.counts[what] += number


@contextmanager
def recording(source: str, *, by: int | None) -> Iterator[Recording]:
    """Store a history in one transaction; `source` says where it comes from.

    At the end one entry `record` says how much of what was stored; there is none where
    nothing was. An error takes all of it back.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        told = Recording(cursor)
        yield told
        if told.counts:
            changes = dict(sorted(told.counts.items()))
            target = (_KIND, "", source)
            audit.note(cursor, "record", target, by=by, changes=changes)
