"""Model fields that keep texts with NUL characters, which PostgreSQL cannot store.

What people send has none (`mlops.core.json` refuses it); uploaded files, models and
what is computed from them may. A NUL is stored as two characters, a mark and a digit,
and so is the mark itself; every other text is stored as it is.
"""

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import models

MARK = "\ue000"  # of the private use area: no text has it by chance
_STORED = {"\x00": f"{MARK}0", MARK: f"{MARK}1"}
_READ = {stored: text for text, stored in _STORED.items()}
_TO_STORE = re.compile("[\x00\ue000]")
_TO_READ = re.compile("\ue000[01]")
Set = TypeVar("Set")
Get = TypeVar("Get")


def _stored(text: str) -> str:
    return _TO_STORE.sub(lambda found: _STORED[found[0]], text)


def _read(text: str) -> str:
    return _TO_READ.sub(lambda found: _READ[found[0]], text)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with every text in it changed, the keys as well."""
    match value:
        case str():
            return change(value)
        case list() | tuple():
            return [_each_text(item, change) for item in value]
        case dict():
            return {
                _each_text(key, change): _each_text(item, change)
                for key, item in value.items()
            }
    return value


class NulSafeEncoder(json.JSONEncoder):
    """Writes JSON that `jsonb` takes, in ASCII, so that a look finds what is rare."""

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        if "\\u0000" in text or "\\ue000" in text:
            return super().encode(_each_text(o, _stored))
        return text


class NulSafeDecoder(json.JSONDecoder):
    """Reads what the encoder wrote; `jsonb` gives the mark back as a character."""

    def decode(self, s: str, *args: Any) -> Any:
        value = super().decode(s, *args)
        if MARK in s or "\\ue000" in s:
            return _each_text(value, _read)
        return value


class NulSafeJSONField(models.JSONField):
    """A JSON value whose texts may hold NUL characters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        coders = {"encoder": NulSafeEncoder, "decoder": NulSafeDecoder}
        super().__init__(*args, **kwargs | coders)

    def deconstruct(self) -> Any:
        """Leave out what every such field has."""
        name, path, args, kwargs = super().deconstruct()
        del kwargs["encoder"], kwargs["decoder"]
        return name, path, args, kwargs


class NulSafeTextField(models.TextField[Set, Get]):
    """A text that may hold NUL characters."""

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return _stored(text) if isinstance(text, str) else text

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        return _read(value) if value else value
