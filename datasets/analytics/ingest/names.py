"""Column names as a file gives them, made distinct and safe to show."""

import unicodedata
from collections.abc import Sequence

from datasets.analytics.sql import ROW_NUMBER

MAX_NAME = 200
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean_names(originals: Sequence[str]) -> list[str]:
    """Return one name per original, in order.

    Control, format (bidi, zero width) and unassigned characters go, as does space
    around; an empty name becomes `column_3`; names that differ only in case become
    `a` and `A_2`, because DuckDB would read the first column under both. So does
    the name that its numbers of rows have.
    """
    names: list[str] = []
    taken = {_key(original) for original in originals}
    seen = {ROW_NUMBER}
    for position, original in enumerate(originals, start=1):
        base = _printable(original) or f"column_{position}"
        name, number = base, 2
        while _key(name) in seen or (name != original and _key(name) in taken):
            name, number = f"{base}_{number}", number + 1
        seen.add(_key(name))
        names.append(name)
    return names


def _printable(text: str) -> str:
    spaced = " ".join(text.split())
    kept = "".join(char for char in spaced if unicodedata.category(char) not in _UNSAFE)
    return kept.strip()[:MAX_NAME]


def _key(name: str) -> str:
    return name.lower()
