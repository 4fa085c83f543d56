"""Entry point *record*: import a history as it was, with one audit entry."""

from collections import Counter
from collections.abc import Iterator, Mapping
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
def part(counts: Counter[str]) -> Iterator[Recording]:
    """Store a piece of a history that is too long for one transaction.

    What it stored is added to `counts` once it is committed. Whoever records in parts
    calls `note_whole` at the end: a history is one entry, however many parts it had.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        history = Recording(cursor)
        yield history
    counts.update(history.counts)


def note_whole(
    cursor: CursorWrapper, source: str, counts: Mapping[str, int], *, by: int | None
) -> None:
    """Append the one entry of a history that was stored in parts."""
    target = (_KIND, "", source)
    audit.note(cursor, "record", target, by=by, changes=dict(sorted(counts.items())))


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
            note_whole(cursor, source, history.counts, by=by)
