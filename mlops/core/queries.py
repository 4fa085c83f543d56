"""Values of the query string that more than one view reads."""

import re

from rest_framework.request import Request

from mlops.core.errors import BadQuery, RepeatedField

TRUTHS = {"true": True, "false": False}
_WHOLE = re.compile(r"-?[0-9]{1,19}")


def single(request: Request, name: str) -> str | None:
    """Return a parameter that is given at most once, None if it is not given.

    Raises RepeatedField for a second one: Django would take the last and drop the
    others, so that two filters would answer as one.
    """
    given: list[str] = request.query_params.getlist(name)
    if len(given) > 1:
        raise RepeatedField(f"Give the field {name!r} once.", field=name)
    return given[0] if given else None


def truth(request: Request, name: str, *, default: bool) -> bool:
    """Return a parameter that is true or false. Raises BadQuery for another value."""
    text = single(request, name)
    if text is None:
        return default
    if text not in TRUTHS:
        raise BadQuery(f"{name} must be true or false.", field=name)
    return TRUTHS[text]


def whole(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return a parameter that is a whole number. Raises BadQuery for another value."""
    text = single(request, name)
    if text is None:
        return default
    number = whole_number(text, least=least, most=most)
    if number is None:
        raise BadQuery(
            f"{name} must be a whole number from {least} to {most}.", field=name
        )
    return number


def whole_number(text: str, *, least: int, most: int) -> int | None:
    """Return the whole number that a text is, None if it is none or out of bounds.

    Digits are those of ASCII: Python's `int` would take a sign, blanks, underscores
    and the digits of all scripts besides.
    """
    if not _WHOLE.fullmatch(text):
        return None
    number = int(text)
    return number if least <= number <= most else None
