"""Schema drift: columns added, removed or of another kind, with its severity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from datasets.analytics.drift.report import Level
from datasets.analytics.sql import NUMERIC, Kind, TableColumn


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """Names of columns; those of `became_text` are among `retyped`."""

    removed: tuple[str, ...]
    added: tuple[str, ...]
    retyped: tuple[str, ...]
    became_text: tuple[str, ...]
    retyped_by_rules: tuple[str, ...] = ()

    def by_rules(self) -> "SchemaChange":
        """Return the change where types differ by the rules of the reader alone."""
        return replace(self, retyped=(), became_text=(), retyped_by_rules=self.retyped)

    @property
    def levels(self) -> list[Level]:
        """A column that is gone or became text is drift, one of another kind a warning.

        Empty without a change: then the columns alone say the level.
        """
        if self.removed or self.became_text:
            return [Level.DRIFT]
        return [Level.WARNING] if self.retyped else []


def change(before: Sequence[TableColumn], after: Sequence[TableColumn]) -> SchemaChange:
    """Return how the columns `after` differ from those `before`."""
    then = {column.name: family(column) for column in before}
    now = {column.name: family(column) for column in after}
    retyped = [name for name in then if name in now and now[name] != then[name]]
    return SchemaChange(
        removed=tuple(name for name in then if name not in now),
        added=tuple(name for name in now if name not in then),
        retyped=tuple(retyped),
        became_text=tuple(name for name in retyped if now[name] == Kind.TEXT),
    )


def family(column: TableColumn) -> str:
    """Return the kind; all numbers are of one, as they can be compared."""
    return "number" if column.kind in NUMERIC else column.kind
