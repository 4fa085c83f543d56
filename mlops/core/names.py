"""Names that people give to things, and what must not be in them."""

import unicodedata

from mlops.core.errors import Invalid

# Characters that change the direction of text, so that a name can look like another.
_BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORBIDDEN = {"/", ":", "\\"}


def clean(value: str, *, field: str, reserved: frozenset[str] = frozenset()) -> str:
    r"""Return the name in NFC without outer blanks.

    Raises Invalid, naming `field`, for an empty name, `/`, `:`, `\`, control or
    bidirectional characters, `.` and `..`, and for a reserved word.
    """
    name = unicodedata.normalize("NFC", value).strip()
    if not name or name in {".", ".."}:
        raise Invalid("A name must not be empty, '.' or '..'.", field=field)
    for char in name:
        if char in _FORBIDDEN:
            raise Invalid(f"A name must not contain {char!r}.", field=field)
        if char in _BIDI or unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}:
            raise Invalid(
                f"A name must not contain the character U+{ord(char):04X}.",
                field=field,
            )
    if name in reserved:
        raise Invalid(f"The name {name!r} is reserved.", field=field)
    return name
