"""The type that holds what files of different types hold in one column, exactly."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# Bits and sign of each whole number, and how many decimal digits it may have.
_WHOLE = {
    "TINYINT": (7, 3),
    "UTINYINT": (8, 3),
    "SMALLINT": (15, 5),
    "USMALLINT": (16, 5),
    "INTEGER": (31, 10),
    "UINTEGER": (32, 10),
    "BIGINT": (63, 19),
    "UBIGINT": (64, 20),
}
_SIGNED = {7: "TINYINT", 15: "SMALLINT", 31: "INTEGER", 63: "BIGINT"}
_STAMPS = ("DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS")
_CLOCKS = ("TIME", "TIME_NS")
_FLOATS = ("FLOAT", "DOUBLE")
INSTANT, FINE_INSTANT = "TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_MAX_DIGITS = 38
NOTHING = '"NULL"'


@dataclass(frozen=True, slots=True)
class Cast:
    """Conversion of a file's column to the common type."""

    type: str
    is_checked: bool = False

    def of(self, cell: str, error: str) -> str:
        """Return SQL of the value; it fails with `error` where a cell would change."""
        if not self.is_checked:
            return f"{cell}::{self.type}"
        return (
            f"CASE WHEN {cell} IS NULL THEN NULL WHEN {self.is_lost(cell)}"
            f" THEN error('{error}') ELSE try_cast({cell} AS {self.type}) END"
        )

    def is_lost(self, cell: str) -> str:
        """Return the condition that a cell which is there would change."""
        cast = f"try_cast({cell} AS {self.type})"
        back = {"DOUBLE": "DECIMAL(38,0)", INSTANT: FINE_INSTANT}.get(self.type)
        same = f"{cast}::{back} = {cell}" if back else "true"
        return f"{cast} IS NULL OR NOT ({same})"


def common_type(kinds: Sequence[str]) -> str | None:
    """Return the narrowest type that holds all of these; None where there is none."""
    wanted = list(dict.fromkeys(kind for kind in kinds if kind != NOTHING))
    if not wanted:
        return "VARCHAR"
    if len(wanted) == 1:
        return wanted[0]
    for family in (_STAMPS, _CLOCKS, _FLOATS, (INSTANT, FINE_INSTANT)):
        if set(wanted) <= set(family):
            found = max(wanted, key=family.index)
            # A day in seconds or milliseconds is still a day: microseconds hold it.
            return "TIMESTAMP" if "DATE" in wanted and found in family[:3] else found
    if set(wanted) <= {*_WHOLE, *_FLOATS}:
        floats = set(wanted) & set(_FLOATS)
        return "DOUBLE" if floats else _whole(wanted)
    return _exact(wanted)


def is_nested(kind: str) -> bool:
    """Say whether values of a type have parts: a list, an object, a map."""
    return kind.endswith("]") or kind.startswith(("STRUCT(", "MAP("))


def cast(kind: str, common: str) -> Cast:
    """Return how a column becomes one of the common type, checked where it may not."""
    loses = common == "DOUBLE" and kind in {"BIGINT", "UBIGINT"}
    ends = common == "TIMESTAMP_NS" and kind != common
    cuts = common == INSTANT and kind == FINE_INSTANT
    return Cast(common, is_checked=loses or ends or cuts)


def _whole(kinds: Sequence[str]) -> str:
    bits = max(_WHOLE[kind][0] for kind in kinds)
    unsigned = [kind for kind in kinds if kind.startswith("U")]
    if len(unsigned) == len(kinds):
        return max(kinds, key=lambda kind: _WHOLE[kind][0])
    fitting = [name for size, name in _SIGNED.items() if size >= bits]
    return fitting[0] if fitting else f"DECIMAL({_MAX_DIGITS},0)"


def _exact(kinds: Sequence[str]) -> str | None:
    """Return the decimal that holds decimals and whole numbers."""
    before = scale = 0
    for kind in kinds:
        if found := _DECIMAL.fullmatch(kind):
            digits, behind = int(found[1]), int(found[2])
        elif kind in _WHOLE:
            digits, behind = _WHOLE[kind][1], 0
        else:
            return None
        before, scale = max(before, digits - behind), max(scale, behind)
    return (
        f"DECIMAL({before + scale},{scale})" if before + scale <= _MAX_DIGITS else None
    )
