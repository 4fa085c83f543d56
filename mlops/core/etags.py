"""ETags of objects: what has changed since a client read one (RFC 9110, 13).

An ETag is `W/"<state>.<shown>"`. The state is of the row alone, and is what
`If-Match` compares; the second part is of the answer, which may hold figures that
change by themselves, and `If-None-Match` compares both.
"""

import hashlib
from datetime import datetime

from django.db.models import Model

CHANGED = "This has changed since you read it."
_STATE_FIELDS = ("generation", "updated_at")


def state(row: Model) -> str | None:
    """Return a digest of the row's state, None for rows that carry no such mark."""
    marks = [getattr(row, name) for name in _STATE_FIELDS if hasattr(row, name)]
    if not marks:
        return None
    texts = [m.isoformat() if isinstance(m, datetime) else str(m) for m in marks]
    return _digest("\0".join([row._meta.label, str(row.pk), *texts]).encode())  # noqa: SLF001 - Django's public name


def etag(row: Model, shown: bytes) -> str | None:
    """Return the ETag of an answer about the row, None where it has no state."""
    mark = state(row)
    return None if mark is None else f'W/"{mark}.{_digest(shown)}"'


def same_state(header: str, row: Model) -> bool:
    """Say whether an `If-Match` header names the row's present state."""
    if header.strip() == "*":
        return True
    mark = state(row)
    return any(tag.partition(".")[0] == mark for tag in _tags(header))


def same_answer(header: str, tag: str) -> bool:
    """Say whether an `If-None-Match` header names this very answer."""
    return header.strip() == "*" or tag[3:-1] in _tags(header)


def is_named(header: str, tag: str) -> bool:
    """Say whether an `If-None-Match` header names this strong tag, quotes included."""
    return header.strip() == "*" or tag.strip('"') in _tags(header)


def _tags(header: str) -> list[str]:
    return [part.strip().removeprefix("W/").strip('"') for part in header.split(",")]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=9).hexdigest()
