"""The clauses of an `order_by`: `[entity.]key [ASC|DESC]`."""

import re
from dataclasses import dataclass
from typing import Final

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.limits import MAX_KEY, MAX_ORDER_KEYS

_CLAUSE: Final = re.compile(
    r"""\s*(?:(?P<entity>`[^`]+`|[^\s.`"']+)\.)?
        (?P<key>`[^`]*`|"[^"]*"|'[^']*'|[^\s`"',;()=<>]+)
        (?:\s+(?P<direction>\S+))?\s*""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """A sort key; `entity` as it was written, "" if it was not."""

    entity: str
    key: str
    descending: bool


def parse_order(clauses: list[str]) -> list[OrderKey]:
    """Return the sort keys in order. Raises InvalidValue."""
    if len(clauses) > MAX_ORDER_KEYS:
        raise InvalidValue(f"order_by has at most {MAX_ORDER_KEYS} clauses.")
    return [_parse(clause) for clause in clauses]


def _parse(clause: str) -> OrderKey:
    match = _CLAUSE.fullmatch(clause) if len(clause) < 2 * MAX_KEY else None
    if match is None:
        raise InvalidValue(
            f"Invalid order_by clause '{clause[:200]}'. Could not be parsed."
        )
    direction = (match["direction"] or "asc").lower()
    if direction not in {"asc", "desc"}:
        raise InvalidValue(f"Invalid ordering key in order_by clause '{clause[:200]}'.")
    entity = (match["entity"] or "").strip("`")
    key = match["key"]
    if key[0] in "`\"'":
        key = key[1:-1]
    return OrderKey(entity, key, direction == "desc")
