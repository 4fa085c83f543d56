"""Pieces of SQL with their values, for both databases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from lifecycle.mlflow.errors import InvalidValue

NUMERIC: Final = frozenset({"=", "!=", "<", "<=", ">", ">="})
TEXTUAL: Final = frozenset({"=", "!=", "LIKE", "ILIKE", "IN", "NOT IN"})


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of a statement and the values of its placeholders, in order."""

    text: str
    values: tuple[Any, ...] = ()

    def __add__(self, other: "Sql | str") -> "Sql":
        if isinstance(other, str):
            return Sql(self.text + other, self.values)
        return Sql(self.text + other.text, self.values + other.values)


TRUE: Final = Sql("1 = 1")
FALSE: Final = Sql("1 = 0")


def joined(separator: str, parts: Iterable[Sql]) -> Sql:
    """Return the parts in brackets with a word between them; TRUE for none."""
    known = list(parts)
    if not known:
        return TRUE
    text = separator.join(f"({part.text})" for part in known)
    return Sql(text, tuple(value for part in known for value in part.values))


def within(column: str, values: Sequence[Any]) -> Sql:
    """Return `column IN (…)`; FALSE for no values."""
    if not values:
        return FALSE
    return Sql(f"{column} IN ({','.join(['%s'] * len(values))})", tuple(values))


def is_sqlite() -> bool:
    return connection.vendor == "sqlite"


def compare_number(column: str, comparator: str, value: float) -> Sql:
    if comparator not in NUMERIC:
        raise bad_comparator(comparator, NUMERIC)
    return Sql(f"{column} {comparator} %s", (value,))


def compare_text(
    column: str, comparator: str, value: str | tuple[str, ...] | None
) -> Sql:
    """Return a comparison of text; LIKE minds the case on both databases."""
    if comparator not in TEXTUAL:
        raise bad_comparator(comparator, TEXTUAL)
    if isinstance(value, tuple):
        inside = within(column, value)
        negated = comparator == "NOT IN"
        return Sql(f"NOT ({inside.text})", inside.values) if negated else inside
    if comparator in {"LIKE", "ILIKE"}:
        return _like(column, str(value), minds_case=comparator == "LIKE")
    if comparator in {"IN", "NOT IN"}:
        raise bad_comparator(comparator, TEXTUAL)
    return Sql(f"{column} {comparator} %s", (value,))


def bad_comparator(comparator: str, known: Iterable[str]) -> InvalidValue:
    """Return the error for a comparator that does not fit what it compares."""
    if comparator.startswith("IS "):
        return InvalidValue(
            "IS NULL / IS NOT NULL is only supported for tags and params."
        )
    return InvalidValue(
        f"Invalid comparator '{comparator}' not one of '{sorted(known)}'"
    )


def keyset(columns: Sequence[tuple[str, bool]], place: Sequence[Any]) -> Sql:
    """Return "comes after `place`" for an ORDER BY of (expression, descending)."""
    after: Sql | None = None
    for (column, descending), value in reversed(list(zip(columns, place, strict=True))):
        sign = "<" if descending else ">"
        beyond = Sql(f"{column} {sign} %s", (value,))
        if after is None:
            after = beyond
        else:
            tied = Sql(f"{column} = %s", (value,))
            after = joined(" OR ", [beyond, joined(" AND ", [tied, after])])
    return after or TRUE


def _like(column: str, pattern: str, *, minds_case: bool) -> Sql:
    if not is_sqlite():
        word = "LIKE" if minds_case else "ILIKE"
        return Sql(f"{column} {word} %s ESCAPE ''", (pattern,))
    if minds_case:  # SQLite's LIKE does not, its GLOB does
        return Sql(f"{column} GLOB %s", (_glob(pattern),))
    return Sql(f"{column} LIKE %s", (pattern,))


def _glob(pattern: str) -> str:
    """Return a LIKE pattern as a GLOB pattern."""
    signs = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(signs.get(char, char) for char in pattern)
