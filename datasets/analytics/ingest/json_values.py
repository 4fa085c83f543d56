"""JSON as it is written: numbers keep their digits, keys given twice are seen."""

import json
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from datasets.analytics.ingest.rules import MAX_DIGITS

WORDS = frozenset({"NaN", "Infinity", "-Infinity"})
# Up to 15 digits a double holds; what is longer, or far from 1, is parsed as text.
_LONG = re.compile(rb"\d{16}|\d[.\d]*[eE][-+]?\d{3}|\d\.\d{15}|NaN|Infinity")
# As a whole number of a machine it would lose its sign.
_MINUS_ZERO = re.compile(rb"-0(?![.\d])")
_KEY = re.compile(rb'"\s*:')
_SAFE = 2**53
_DEEPEST = 100


class Digits(str):
    """A number, as the digits in the file."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One object: its values, and the keys that it gives more than once.

    `inside` are the keys whose value has, at any depth, an object that does so.
    """

    values: dict[str, Any]
    repeated: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()


@dataclass(slots=True)
class _Pairs:
    """Makes objects of pairs, and remembers those that give a key more than once."""

    found: list[tuple[dict[str, Any], list[str]]] = field(default_factory=list)

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            counts = Counter(key for key, _ in pairs)
            self.found.append((found, [key for key in found if counts[key] > 1]))
        return found

    def record(self, values: dict[str, Any]) -> Record:
        keys = {id(found): tuple(repeated) for found, repeated in self.found}
        repeated = keys.pop(id(values), ())
        inside = (key for key, value in values.items() if keys and _has(value, keys))
        return Record(values, repeated, tuple(inside))


def _has(value: Any, places: Collection[int]) -> bool:
    """Return whether a value is, or holds, one of some objects."""
    if isinstance(value, dict):
        return id(value) in places or any(_has(v, places) for v in value.values())
    return isinstance(value, list) and any(_has(item, places) for item in value)


def parsed(raw: bytes, *, exactly: bool = False) -> Record | None:
    """Return the object of a line, None where it is none or cannot be kept.

    `exactly` gives every number as its digits, not only those that could change.
    """
    if not exactly and _LONG.search(raw) is None and not _has_minus_zero(raw):
        try:
            found = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return _parsed_exactly(raw)
        if not isinstance(found, dict):
            return None
        if len(_KEY.findall(raw)) == _keys(found):
            return Record(found)
    return _parsed_exactly(raw)


def _has_minus_zero(raw: bytes) -> bool:
    return b"-0" in raw and _MINUS_ZERO.search(raw) is not None


def _parsed_exactly(raw: bytes) -> Record | None:
    pairs = _Pairs()
    try:
        found = json.loads(
            raw,
            parse_int=Digits,
            parse_float=Digits,
            parse_constant=Digits,
            object_pairs_hook=pairs,
        )
        # Half a character has no form in UTF-8, and neither has the row.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    return pairs.record(found)


def is_cut_text(raw: bytes) -> bool:
    """Return whether a line is an object except for a lone surrogate in a string."""
    try:
        found = json.loads(raw)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return isinstance(found, dict)
    except (ValueError, RecursionError):
        return False
    return False


def _keys(value: Any) -> int:
    """Count the keys at every depth."""
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0


def text_of(value: Any) -> str:
    """Return a value as JSON, its numbers with the digits that they had."""
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, dict):
        inside = ",".join(f"{_quoted(k)}:{text_of(v)}" for k, v in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list):
        return f"[{','.join(map(text_of, value))}]"
    return orjson.dumps(value).decode()


def _quoted(key: str) -> str:
    return orjson.dumps(key).decode()


def as_numbers(value: Any, depth: int = 0) -> Any:
    """Return a nested value with numbers for digits.

    Raises ValueError where a number would change, and where DuckDB sees no bottom.
    """
    if depth > _DEEPEST:
        raise ValueError("a value too deep for a type")
    if isinstance(value, Digits):
        return _number(value)
    if isinstance(value, Mapping):
        return {key: as_numbers(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [as_numbers(item, depth + 1) for item in value]
    return value


def has_fraction(value: Any) -> bool:
    """Return whether a value holds a floating number, at any depth."""
    if isinstance(value, Mapping):
        return any(map(has_fraction, value.values()))
    if isinstance(value, list):
        return any(map(has_fraction, value))
    return isinstance(value, float)


def _number(digits: Digits) -> int | float:
    if re.fullmatch(r"-?\d+", digits):
        number = int(digits) if len(digits) <= MAX_DIGITS else _SAFE
        if abs(number) < _SAFE:
            return -0.0 if digits == "-0" else number
    elif float(digits) == 0 or repr(float(digits)) == digits:
        return float(digits)
    raise ValueError("a number that would change")
