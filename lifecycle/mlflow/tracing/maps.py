"""Messages inside messages, and maps of texts, as requests about traces hold them."""

from collections.abc import Mapping

from lifecycle.mlflow import checks
from lifecycle.mlflow.fields import Fields, missing
from lifecycle.mlflow.limits import MAX_KEY, MAX_TRACE_ENTRIES


def part(fields: Fields, name: str) -> Fields:
    """Return a message inside another. Raises InvalidValue where it is not there."""
    value = fields.values.get(name)
    if not value:
        raise missing(name)
    if not isinstance(value, dict):
        raise checks.invalid(name, value, "It must be an object.")
    return Fields(value)


def texts(fields: Fields, name: str) -> dict[str, str]:
    """Return a map of texts, each cut where tags are. Raises InvalidValue."""
    given = fields.values.get(name) or {}
    if not isinstance(given, dict) or len(given) > MAX_TRACE_ENTRIES:
        raise checks.invalid(
            name, None, f"It must be a map of at most {MAX_TRACE_ENTRIES} texts."
        )
    return checked(given, name)


def pairs(fields: Fields, name: str) -> dict[str, str]:
    """Return a list of keys and values as a map, the last of a repeated key."""
    found = fields.objects(name)
    if len(found) > MAX_TRACE_ENTRIES:
        raise checks.invalid(
            name, None, f"It must be a list of at most {MAX_TRACE_ENTRIES}."
        )
    named = {one.text("key", required=True): one.text("value") for one in found}
    return checked(named, name)


def checked(given: Mapping[str, object], name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in given.items():
        if not isinstance(value, str):
            raise checks.invalid(name, given, "Its values must be texts.")
        found[checks.short(key, f"{name} key", MAX_KEY)] = checks.tag_value(value)
    return found
