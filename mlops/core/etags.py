"""ETags of objects: what has changed since a client read one (RFC 9110, 13).

An ETag is `W/"<state>.<shown>"`. The state is of the row alone, and is what
`If-Match` compares; the second part is of the answer, which may hold figures that
change by themselves, and `If-None-Match` compares both. An answer about no single
row has the second part alone.
"""

import hashlib
import re
from datetime import datetime

from django.db.models import Model

from mlops.core import headers
from mlops.core.errors import BadHeader

CHANGED = "This has changed since you read it."
_STATE_FIELDS = ("generation", "updated_at")
_TAGS = re.compile(headers.IF_MATCH.schema["pattern"], re.ASCII)


def state(row: Model) -> str:
    """Return a digest of the row's state: of its marks, or else of all its columns."""
    about = row._meta  # noqa: SLF001 - Django's public name
    marks = [getattr(row, name) for name in _STATE_FIELDS if hasattr(row, name)]
    if not marks:
        marks = [getattr(row, column.attname) for column in about.concrete_fields]
    texts = [m.isoformat() if isinstance(m, datetime) else str(m) for m in marks]
    return _digest("\0".join([about.label, str(row.pk), *texts]).encode())


def etag(row: Model | None, *shown: bytes) -> str:
    """Return the ETag of an answer, about the row if it is about one."""
    digest = _digest(b"\0".join(shown))
    return f'W/"{digest}"' if row is None else f'W/"{state(row)}.{digest}"'


def same_state(header: str, row: Model) -> bool:
    """Say whether an `If-Match` header names the row's present state."""
    if header.strip() == "*":
        return True
    mark = state(row)
    return any(tag.partition(".")[0] == mark for tag in _tags(header))


def same_answer(header: str, tag: str) -> bool:
    """Say whether an `If-None-Match` header names this very answer."""
    return header.strip() == "*" or tag[3:-1] in _tags(header)


def is_named(header: str | None, tag: str) -> bool:
    """Say whether an `If-None-Match` header names this strong tag, quotes included.

    Raises BadHeader where it is there and malformed, empty too.
    """
    if header is None:
        return False
    require_tags(headers.IF_NONE_MATCH, header)
    return names(header, tag)


def names(header: str, tag: str) -> bool:
    """As `is_named`, for a header that is whole or may be anything."""
    return header.strip() == "*" or tag.strip('"') in _tags(header)


def require_tags(header: headers.Header, given: str) -> None:
    """Raise BadHeader unless the text of a header is made of tags in quotes."""
    if not _TAGS.search(given):
        raise BadHeader(
            f'{header.name} must be `*` or tags in quotes, as W/"abc".',
            field=header.name,
        )


def _tags(header: str) -> list[str]:
    return [part.strip().removeprefix("W/").strip('"') for part in header.split(",")]


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=9).hexdigest()
