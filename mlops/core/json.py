"""JSON in and out: strict on the way in, orjson on the way out."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import IO, Any

import orjson
from django.conf import settings
from django.http import QueryDict
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from mlops.core.errors import Invalid, TooLarge

MAX_DEPTH = 64
MAX_WHOLE = 2**63 - 1


class JSONRenderer(BaseRenderer):
    """Writes JSON with orjson; NaN and infinities become null."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class JSONParser(BaseParser):
    """Reads JSON and refuses what would be stored wrongly or silently lost."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the parsed body. Raises ParseError (400) on anything doubtful."""
        return loads(read_limited(stream))


class FormParser(BaseParser):
    """Reads a URL-encoded form of limited size; only signing in takes one."""

    media_type = "application/x-www-form-urlencoded"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the fields. Raises ParseError (400) on NUL and broken text."""
        form = QueryDict(read_limited(stream), encoding="utf-8")
        try:
            _refuse_unstorable(dict(form.lists()), depth=0)
        except _Unstorable as found:
            raise _refusal(found) from None
        return form


def read_limited(stream: IO[bytes]) -> bytes:
    """Return the whole body. Raises TooLarge (413) past MLOPS_MAX_BODY_BYTES."""
    limit: int = settings.MAX_BODY_BYTES
    raw = stream.read(limit + 1)
    if len(raw) > limit:
        raise TooLarge(f"The body is larger than {limit} bytes.")
    return raw


class _Unstorable(Exception):
    """A value that must not be stored; `place` grows on the way out to it."""

    def __init__(self, why: str, *, is_well_formed: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.is_well_formed = is_well_formed
        self.place: list[str] = []


def loads(raw: bytes) -> Any:
    """Return the value of strict JSON text.

    Refused with ParseError: bad UTF-8, NaN and Infinity, a key given twice, NUL
    characters, lone surrogates, nesting deeper than 64; with Invalid: whole numbers
    that 64 bits do not hold, which no answer could show. Both name the place.
    """
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_without_repeated_keys,
            parse_constant=_refuse_constant,
        )
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ParseError(f"The body is not valid JSON: {_reason(error)}.") from error
    try:
        _refuse_unstorable(value, depth=0)
    except _Unstorable as found:
        raise _refusal(found) from None
    return value


def _refusal(found: _Unstorable) -> Exception:
    place = ".".join(reversed(found.place))
    if found.is_well_formed:
        return Invalid(f"The body holds {found.why}.", field=place)
    where = f" at {place!r}" if place.isprintable() and place else ""
    return ParseError(f"The body holds {found.why}{where}.")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return str(error)


def _without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        repeated = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"the key {repeated!r} is given twice")
    return result


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_unstorable(value: Any, *, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ParseError(f"The body is nested deeper than {MAX_DEPTH} levels.")
    match value:
        case str():
            _refuse_unstorable_text(value)
        case int() | float():
            _refuse_unstorable_number(value)
        case list():
            _refuse_unstorable_items(enumerate(value), depth)
        case dict():
            for key in value:
                _refuse_unstorable_text(key)
            _refuse_unstorable_items(value.items(), depth)


def _refuse_unstorable_items(items: Iterable[tuple[Any, Any]], depth: int) -> None:
    key: Any = None
    try:
        for key, item in items:  # noqa: B007 - the except names it
            _refuse_unstorable(item, depth=depth + 1)
    except _Unstorable as found:
        found.place.append(str(key))
        raise


def _refuse_unstorable_number(value: float) -> None:
    if isinstance(value, int):
        if abs(value) > MAX_WHOLE:
            raise _Unstorable("a whole number of over 64 bits", is_well_formed=True)
    elif not math.isfinite(value):
        raise _Unstorable("a number too large to store")


def _refuse_unstorable_text(value: str) -> None:
    if "\x00" in value:
        raise _Unstorable("a NUL character")
    if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
        raise _Unstorable("half of a surrogate pair")
