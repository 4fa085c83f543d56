"""Whether two answers say the same, and which differences a release lists."""

import json
import math
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

CLOSE = 1e-12
PREDICTED = 1e-5
"""How far predictions of single precision may be apart on another processor."""


class Difference(NamedTuple):
    """A place in the answer to a question: what it said then, and what it says now."""

    question: str
    place: str
    before: Any
    now: Any


class Listed(NamedTuple):
    """Differences that are meant: of which questions, at which places, and why."""

    questions: str
    places: str
    reason: str

    def holds(self, found: Difference) -> bool:
        is_asked = fnmatchcase(found.question, self.questions)
        return is_asked and fnmatchcase(found.place, self.places)


def listed(folder: Path) -> list[Listed]:
    """Return the differences that a release's folder lists."""
    return [
        Listed(**one) for one in json.loads((folder / "differences.json").read_text())
    ]


def differences(
    question: str, before: Any, now: Any, *, is_prediction: bool = False
) -> list[Difference]:
    """Compare answers; fields that are new are none, as the changelog promises."""
    close = PREDICTED if is_prediction else CLOSE
    found = _compare(before, now, "", close)
    return [Difference(question, *one) for one in found]


def _compare(before: Any, now: Any, place: str, close: float) -> list[Any]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = before.keys()
        missing = [(f"{place}/{key}", before[key], None) for key in keys - now.keys()]
        pairs = [(key, before[key], now[key]) for key in before if key in now]
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        missing, pairs = [], list(zip(range(len(now)), before, now, strict=True))
    else:
        return [] if _is_same(before, now, close) else [(place, before, now)]
    deeper = [_compare(was, is_, f"{place}/{key}", close) for key, was, is_ in pairs]
    return [*missing, *chain.from_iterable(deeper)]


def _is_same(before: Any, now: Any, close: float) -> bool:
    if isinstance(before, float) and isinstance(now, float):
        return math.isclose(before, now, rel_tol=close, abs_tol=close * close)
    return type(before) is type(now) and before == now
