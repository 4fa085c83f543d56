"""The types of nested JSON: what all values of a column have in common."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from datasets.analytics.ingest.context import Context, path_list
from datasets.analytics.sql import quote_ident

_DEEPEST = 6
# Whole numbers beyond 2^53 are no numbers here, so that all fit 64 bits.
_SCALARS = {
    "VARCHAR": "VARCHAR",
    "BOOLEAN": "BOOLEAN",
    "UBIGINT": "BIGINT",
    "BIGINT": "BIGINT",
    "DOUBLE": "DOUBLE",
}


def nested_types(
    context: Context, paths: Sequence[Path], places: Sequence[int], options: str
) -> dict[int, str]:
    """Return the types of columns `k…` of JSON lines, of those that have one.

    Texts stay as they are: what looks like a day may be spelled in another way.
    """
    columns = ", ".join(f"'k{place:d}': 'JSON'" for place in places)
    wanted = ", ".join(f"json_group_structure(k{place:d})::VARCHAR" for place in places)
    row = context.cursor.row(
        f"SELECT {wanted} FROM read_json({path_list(paths)}, {options},"  # noqa: S608
        f" columns={{{columns}}})",
        {},
    )
    structures = {
        place: orjson.loads(text)
        for place, text in zip(places, row, strict=True)
        if text
    }
    found = {place: _type_of(inner) for place, inner in structures.items()}
    return {place: _spelled(context, kind) for place, kind in found.items() if kind}


def _type_of(structure: Any, depth: int = 0) -> str | None:
    """Return a structure as a type; None if its values differ or no names can do."""
    if isinstance(structure, str):
        return _SCALARS.get(structure)
    if depth >= _DEEPEST:
        return None
    if isinstance(structure, list):
        inside = _type_of(structure[0], depth + 1)
        return f"{inside}[]" if inside else None
    names = {name.lower() for name in structure}
    if (
        "" in names
        or len(names) < len(structure)
        or any("\0" in name for name in names)
    ):
        return None
    kinds = {name: _type_of(inner, depth + 1) for name, inner in structure.items()}
    if None in kinds.values() or not kinds:
        return None
    fields = (f"{quote_ident(name)} {kind}" for name, kind in kinds.items())
    return f"STRUCT({', '.join(fields)})"


def _spelled(context: Context, kind: str) -> str:
    """Return a type as DuckDB writes it."""
    (text,) = context.cursor.row(f"SELECT typeof(NULL::{kind})", {})
    return str(text)


class Shapes:
    """Whether objects lack keys that others at the same path have, or are null.

    A typed column cannot tell the two apart: both become null.
    """

    __slots__ = ("_keys", "has_absent", "has_null")

    def __init__(self) -> None:
        self._keys: dict[tuple[str, ...], frozenset[str]] = {}
        self.has_absent = self.has_null = False

    @property
    def are_joined(self) -> bool:
        return self.has_absent and self.has_null

    def add(self, value: Any, place: tuple[str, ...] = ()) -> None:
        if self.are_joined:
            return
        if isinstance(value, list):
            for item in value:
                self.add(item, place)
        elif isinstance(value, Mapping):
            self._compare(value.keys(), place)
            self.has_null |= None in value.values()
            for key, item in value.items():
                if isinstance(item, list | Mapping):
                    self.add(item, (*place, key))

    def _compare(self, keys: Any, place: tuple[str, ...]) -> None:
        if self.has_absent:
            return
        known = self._keys.setdefault(place, frozenset(keys))
        if known != keys:
            self.has_absent = True
            self._keys.clear()
