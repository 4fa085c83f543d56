"""Types of a row diff."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from datasets.analytics.sql import TableColumn, quote_ident

REVISION = 3
MAX_KEYS = 8
_WIDE_WHOLE = frozenset({"BIGINT", "UBIGINT"})


class RowChange(StrEnum):
    ADDED = "added"
    DELETED = "deleted"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """A column of both tables, and the type in which its cells are compared."""

    before: TableColumn
    after: TableColumn
    common: str

    @property
    def differs(self) -> str:
        """A condition on the joined rows b and a."""
        old = f"b.{quote_ident(self.before.name)}"
        new = f"a.{quote_ident(self.after.name)}"
        found = f"{cast(old, self)} IS DISTINCT FROM {cast(new, self)}"
        if self.is_wide:
            return f"({found} OR {_whole(old)} IS DISTINCT FROM {_whole(new)})"
        return found

    @property
    def is_wide(self) -> bool:
        """Whether a double may be a whole number's neighbour, and look the same."""
        kinds = {self.before.type, self.after.type}
        return self.common == "DOUBLE" and bool(kinds & _WIDE_WHOLE)


def cast(cell: str, pair: ComparedColumn) -> str:
    if pair.before.type == pair.after.type:
        return cell
    return f"{cell}::{pair.common}"


def key_part(cell: str, pair: ComparedColumn) -> str:
    """Return SQL that is equal for equal cells alone, and in their order."""
    if not pair.is_wide:
        return cast(cell, pair)
    parts = f"'near': {cast(cell, pair)} + 0, 'whole': coalesce({_whole(cell)}, 0)"
    return f"CASE WHEN {cell} IS NOT NULL THEN {{{parts}}} END"


def _whole(cell: str) -> str:
    return f"try_cast({cell} AS DECIMAL(38,0))"


@dataclass(frozen=True, slots=True)
class RetypedDiffColumn:
    """A column whose type is another one."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Aside:
    """Rows of one table that could not be matched; some of the keys that repeat."""

    missing_keys: int
    repeated_keys: int
    repeated_rows: int
    examples: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """Diff of two tables. `not_compared` columns have no common type.

    `changed_cells` counts by column; `before` and `after` are rows set aside, and
    `beside` those whose key repeats in the other table only.
    """

    key: tuple[str, ...]
    compared: tuple[str, ...]
    added_columns: tuple[TableColumn, ...]
    removed_columns: tuple[TableColumn, ...]
    retyped_columns: tuple[RetypedDiffColumn, ...]
    not_compared: tuple[str, ...]
    added: int
    deleted: int
    changed: int
    unchanged: int
    changed_cells: dict[str, int]
    before: Aside
    after: Aside
    beside: int


@dataclass(frozen=True, slots=True)
class Row:
    """One difference. `columns` are those that changed; the sides are JSON values."""

    change: RowChange
    columns: tuple[str, ...]
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class DiffPage:
    """A stretch of the differences, in the order of the key."""

    offset: int = 0
    limit: int = 100
    changes: frozenset[RowChange] = frozenset(RowChange)
