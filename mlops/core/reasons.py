"""Why people do what they do: a reason is left out, or it can be read."""

import re

from django.utils.translation import gettext_noop

from mlops.core.errors import Invalid

# What neither Python nor readers of OpenAPI's patterns hold for a blank.
_SEEN = r"[^\s\u0000\u001c-\u001f\u0085\ufeff]"
PATTERN = rf"^([^\u0000]*{_SEEN}[^\u0000]*)?$"
"""What is taken, as a regular expression of OpenAPI."""
ONLY_BLANKS = gettext_noop("A reason of blanks says nothing; give one, or none.")


def is_blank(text: str) -> bool:
    """Whether a text is there but holds nothing that is seen; "" is no reason."""
    return bool(text) and re.search(_SEEN, text) is None


def clean(text: str, *, field: str, most: int) -> str:
    """Return the reason without outer blanks, or "" for none.

    Raises Invalid, naming `field`, for one of blanks or of over `most` characters.
    """
    text = text.replace("\r\n", "\n")  # forms send both, and count one
    if is_blank(text):
        raise Invalid(ONLY_BLANKS, field=field)
    if len(text) > most:
        raise Invalid(f"Give at most {most} characters.", field=field)
    return text.strip()
