"""Entry point *record*: import a history as it was, with one audit entry."""

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
    """A history that is being imported: the cursor, and how many rows of each kind."""

    cursor: CursorWrapper
    counts: Counter[str] = field(default_factory=Counter)

    def count(self, what: str, number: int = 1) -> None:
        """Count rows of a kind that were imported."""
        if number:
            self.counts[what] += number


@contextmanager
def recording(source: str, *, by: int | None) -> Iterator[Recording]:
    """Store a history in one transaction; `source` says where it comes from.

    At the end one entry `record` says how much of what was stored; there is none where
    nothing was. An error takes all of it back.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        history = Recording(cursor)
        yield history
        if history.counts:
            changes = dict(sorted(history.counts.items()))
            target = (_KIND, "", source)
            audit.note(cursor, "record", target, by=by, changes=changes)
