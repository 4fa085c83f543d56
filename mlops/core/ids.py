"""Ids as clients write them."""

import uuid


def as_uuid(text: str) -> uuid.UUID | None:
    """Return the id that a text holds, None for any other text (perhaps a name)."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
