"""Tags as REST shows them, one text each: `a`, or `a=b` for a key with a value."""

from collections.abc import Iterable

from lifecycle.models.key import MAX_KEY_LENGTH
from mlops.core.errors import Invalid

MAX_VALUE_LENGTH = 5000


def parse(texts: Iterable[str], *, field: str = "tags") -> dict[str, str]:
    """Return key → value; `join` gives the same texts back.

    Raises Invalid for an empty or too long tag, and for a key with two values.
    """
    tags: dict[str, str] = {}
    for text in texts:
        key, value = split(text)
        if not key.strip() or len(key) > MAX_KEY_LENGTH:
            raise Invalid(
                f"A tag has 1 to {MAX_KEY_LENGTH} characters before '='.", field=field
            )
        if len(value) > MAX_VALUE_LENGTH:
            raise Invalid(
                f"A tag's value has at most {MAX_VALUE_LENGTH} characters.", field=field
            )
        if tags.setdefault(key, value) != value:
            raise Invalid(f"The tag {key!r} is given two values.", field=field)
    return tags


def split(text: str) -> tuple[str, str]:
    """Return key and value; a text without both is a key alone."""
    key, _, value = text.partition("=")
    return (key, value) if key and value else (text, "")


def join(key: str, value: str) -> str:
    return f"{key}={value}" if value else key
