"""Checklists of versions: what is to be checked before one goes further."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from lifecycle.errors import ChecklistNotPassed
from lifecycle.states import ChecklistStatus
from lifecycle.store import sql
from mlops.core.errors import Invalid

MAX_NAME: Final = 200

_OF_VERSION = """
    SELECT name, status, completed_at FROM lifecycle_checklistitem
    WHERE version_id = %s ORDER BY position, id
"""
_CLEAR = "DELETE FROM lifecycle_checklistitem WHERE version_id = %s"
_INSERT = """
    INSERT INTO lifecycle_checklistitem (version_id, position, name, status, note,
        completed_at)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


@dataclass(frozen=True, slots=True)
class NewCheck:
    """An item that a checklist shall have."""

    name: str
    status: ChecklistStatus = ChecklistStatus.PENDING
    note: str | None = None


def statuses(cursor: CursorWrapper, version: str) -> dict[str, str]:
    """Return name → status, in the order of the list."""
    return {name: status for name, status, _ in _items(cursor, version)}


def write(cursor: CursorWrapper, version: str, checks: Sequence[NewCheck]) -> None:
    """Make these the checklist of a version that is held or new.

    `completed_at` is the server's: when an item became passed. Raises Invalid for a
    name that is empty, too long or given twice.
    """
    _require_distinct(checks)
    passed = {name: at for name, _, at in _items(cursor, version)}
    cursor.execute(_CLEAR, (version,))
    rows = [
        (
            version,
            position,
            check.name,
            str(check.status),
            check.note,
            _completed_at(check, passed.get(check.name)),
        )
        for position, check in enumerate(checks)
    ]
    if rows:
        cursor.executemany(_INSERT, rows)


def require_passed(cursor: CursorWrapper, version: str, named: str) -> None:
    """Raise ChecklistNotPassed, naming what is still open or failed."""
    unpassed = [
        f"{name} ({status})"
        for name, status in statuses(cursor, version).items()
        if status != ChecklistStatus.PASSED
    ]
    if unpassed:
        raise ChecklistNotPassed(
            f"The checklist of {named} is not passed: {', '.join(unpassed)}.",
            field="checklist",
        )


def _items(
    cursor: CursorWrapper, version: str
) -> list[tuple[str, str, datetime | None]]:
    cursor.execute(_OF_VERSION, (version,))
    found: list[tuple[str, str, datetime | None]] = cursor.fetchall()
    return found


def _require_distinct(checks: Sequence[NewCheck]) -> None:
    seen: set[str] = set()
    for check in checks:
        if not check.name.strip() or len(check.name) > MAX_NAME:
            raise Invalid(
                f"A check's name has 1 to {MAX_NAME} characters.", field="checklist"
            )
        if check.name in seen:
            raise Invalid(
                f"The check {check.name!r} is given twice.", field="checklist"
            )
        seen.add(check.name)


def _completed_at(check: NewCheck, before: datetime | None) -> Any:
    """Return when the item became passed, as the database takes it; None if open."""
    if check.status != ChecklistStatus.PASSED:
        return None
    return sql.now() if before is None else sql.moment(sql.as_utc(before))
