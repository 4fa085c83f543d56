"""The columns of a table, and what changed between two tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasets.analytics.engine import Engine
from datasets.analytics.sql import Table, TableColumn, source_of

TEXT = "VARCHAR"
_WIDER = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "VARCHAR")


@dataclass(frozen=True, slots=True)
class RetypedColumn:
    """A column whose type changed; `widened` when every old value still fits."""

    name: str
    before: str
    after: str
    widened: bool


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """Columns of the later table against the earlier one, in file order."""

    added: tuple[TableColumn, ...]
    removed: tuple[TableColumn, ...]
    retyped: tuple[RetypedColumn, ...]
    reordered: bool

    @property
    def breaks(self) -> dict[str, str]:
        """Columns that will not do any more for who read them before, and why.

        Text holds every old value, and yet nothing can be reckoned with it.
        """
        gone = {column.name: "its column was removed" for column in self.removed}
        return gone | {
            change.name: f"its column went from {change.before} to {change.after}"
            for change in self.retyped
            if not change.widened or change.after == TEXT
        }

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.retyped or self.reordered)


def columns(table: Table) -> tuple[TableColumn, ...]:
    """Return the columns of a table in file order."""
    with Engine.for_process().cursor() as cursor:
        return tuple(cursor.columns(source_of(table)))


def diff(before: Sequence[TableColumn], after: Sequence[TableColumn]) -> SchemaDiff:
    """Return what a reader of `before` must know to read `after`.

    Columns are the same when their names are equal, case included.
    """
    old = {column.name: column for column in before}
    new = {column.name: column for column in after}
    kept_before = [column.name for column in before if column.name in new]
    kept_after = [column.name for column in after if column.name in old]
    return SchemaDiff(
        added=tuple(column for column in after if column.name not in old),
        removed=tuple(column for column in before if column.name not in new),
        retyped=tuple(
            RetypedColumn(
                name, old[name].type, new[name].type, _widened(old[name], new[name])
            )
            for name in kept_after
            if old[name].type != new[name].type
        ),
        reordered=kept_before != kept_after,
    )


def _widened(before: TableColumn, after: TableColumn) -> bool:
    if after.type == "VARCHAR":
        return True
    if before.type not in _WIDER or after.type not in _WIDER:
        return (before.type, after.type) in {("FLOAT", "DOUBLE"), ("DATE", "TIMESTAMP")}
    # A double holds integers exactly up to 2^53 only.
    if (before.type, after.type) in {("BIGINT", "DOUBLE"), ("HUGEINT", "DOUBLE")}:
        return False
    return _WIDER.index(before.type) < _WIDER.index(after.type)
