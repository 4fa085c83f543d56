"""Scan of the keys of JSON lines: kinds of values, nulls, duplicate keys."""

import secrets
from dataclasses import dataclass, field
from enum import StrEnum

from datasets.analytics.ingest.context import Rejected
from datasets.analytics.ingest.json_values import Digits
from datasets.analytics.ingest.nested import Shapes


class JsonKind(StrEnum):
    """Kind of a JSON value, as columns distinguish it."""

    TRUTH = "true or false"
    NUMBER = "number"
    WORD = "word for a number"
    TEXT = "text"
    NESTED = "object or list"


KINDS: dict[type, JsonKind] = {
    bool: JsonKind.TRUTH,
    int: JsonKind.NUMBER,
    float: JsonKind.NUMBER,
    Digits: JsonKind.NUMBER,
    str: JsonKind.TEXT,
    dict: JsonKind.NESTED,
    list: JsonKind.NESTED,
}


@dataclass(slots=True)
class Repeats:
    """In how many objects a key is repeated, and where first."""

    count: int = 0
    first: str = ""

    def add(self, where: str) -> None:
        self.count += 1
        self.first = self.first or where


@dataclass(slots=True)
class JsonKey:
    """Statistics of one key over all lines."""

    column: str
    kinds: set[JsonKind] = field(default_factory=set)
    present: int = 0
    nulls: int = 0
    repeated: Repeats = field(default_factory=Repeats)
    repeated_inside: Repeats = field(default_factory=Repeats)
    # A nested number would change, so that the column is text of JSON.
    is_exact: bool = True
    shapes: Shapes = field(default_factory=Shapes)
    # The name of a folder: text that may be of any type, as the cells of a CSV.
    is_folder: bool = False
    # A number has lost its spelling (1.50), as it may where it is no text.
    is_respelled: bool = False

    @property
    def is_number(self) -> bool:
        return JsonKind.NUMBER in self.kinds <= {JsonKind.NUMBER, JsonKind.WORD}

    @property
    def is_text(self) -> bool:
        return self.kinds <= {JsonKind.TEXT, JsonKind.WORD} and bool(self.kinds)

    @property
    def is_nested(self) -> bool:
        return self.kinds == {JsonKind.NESTED} and self.is_exact


@dataclass(slots=True)
class JsonLines:
    """Result of one pass over the lines. `keys` keep the order of appearance.

    `words` are texts that a person called missing, `spelled` the keys of which
    numbers are text, with the digits that they had.
    """

    words: tuple[str, ...] = ()
    spelled: frozenset[str] = frozenset()
    has_files: bool = False
    keys: dict[str, JsonKey] = field(default_factory=dict)
    kept: int = 0
    rejected: Rejected = field(default_factory=Rejected)
    # Put before what JSON has no form for, to be taken off again in SQL.
    mark: str = field(default_factory=lambda: secrets.token_hex(12))

    def key(self, name: str, *, is_folder: bool = False) -> JsonKey:
        """Return what is known of a key, which is the next one if it is new."""
        known = self.keys.get(name)
        if known is None:
            known = JsonKey(f"k{len(self.keys):d}", is_folder=is_folder)
            self.keys[name] = known
        return known
