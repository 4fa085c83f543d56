"""The names of metrics, parameters and tags: stored once and referred to by id."""

from collections.abc import Iterable

from django.db.backends.utils import CursorWrapper

_FIND = "SELECT name, id FROM lifecycle_key WHERE name IN ({})"
_ADD = "INSERT INTO lifecycle_key (name) VALUES (%s) ON CONFLICT DO NOTHING"


def intern(cursor: CursorWrapper, names: Iterable[str]) -> dict[str, int]:
    """Return the id of each name, in one statement where all names are known.

    New names are stored in sorted order, and writers that meet the same new name at
    once agree on one row. Call it once in a transaction: so two writers never wait for
    each other in a circle. Nothing is remembered between calls: a name that another
    process stored, or one that a failed transaction took back, is never known wrongly.
    """
    wanted = sorted(set(names))
    if not wanted:
        return {}
    ids = _find(cursor, wanted)
    if len(ids) < len(wanted):
        absent = [name for name in wanted if name not in ids]
        cursor.executemany(_ADD, [(name,) for name in absent])
        ids.update(_find(cursor, absent))
    return ids


def _find(cursor: CursorWrapper, names: list[str]) -> dict[str, int]:
    cursor.execute(_FIND.format(",".join(["%s"] * len(names))), names)
    return dict(cursor.fetchall())
