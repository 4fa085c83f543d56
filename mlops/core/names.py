"""Names that people give to things, and what must not be in them."""

import unicodedata

from mlops.core.errors import Invalid

_FORBIDDEN = {"/", ":", "\\"}
# What is not seen makes one name look like another: control characters, those that
# turn the direction of text or have no width (Cf), and letters that are blank.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_BLANK = set("\u034f\u115f\u1160\u2800\u3164\uffa0")
# The same as a range of characters, for patterns; those beyond the first 65,536 are not
# in it, since not all readers of patterns know them.
_NOT_IN_NAMES = (
    r"/:\\\u0000-\u001f\u007f-\u009f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f"
    r"\u0890\u0891\u08e2\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064"
    r"\u2066-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb"
)
_ENDS, _INSIDE = rf"[^\s{_NOT_IN_NAMES}]", rf"[^{_NOT_IN_NAMES}]"
PATTERN = rf"^\s*(?!\.{{1,2}}\s*$){_ENDS}({_INSIDE}*{_ENDS})?\s*$"
"""What `clean` takes, as a regular expression of OpenAPI; reserved words apart."""


def fold(text: str) -> str:
    """Return what is the same for all spellings of a name or address.

    Letter case, widths and ligatures of letters are gone (NFKC and case folding, as
    Unicode's caseless matching has them).
    """
    plain = unicodedata.normalize("NFKC", text.strip()).casefold()
    return unicodedata.normalize("NFKC", plain)


def clean(value: str, *, field: str, reserved: frozenset[str] = frozenset()) -> str:
    r"""Return the name in NFC without outer blanks.

    Raises Invalid, naming `field`, for an empty name, `/`, `:`, `\`, characters that
    are not seen, `.` and `..`, and for a reserved word.
    """
    name = unicodedata.normalize("NFC", value).strip()
    if not name or name in {".", ".."}:
        raise Invalid("A name must not be empty, '.' or '..'.", field=field)
    for char in name:
        if char in _FORBIDDEN:
            raise Invalid(f"A name must not contain {char!r}.", field=field)
        if char in _BLANK or unicodedata.category(char) in _UNSEEN:
            raise Invalid(
                f"A name must not contain the character U+{ord(char):04X}.",
                field=field,
            )
    if name in reserved:
        raise Invalid(f"The name {name!r} is reserved.", field=field)
    return name
