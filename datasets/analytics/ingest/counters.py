"""Sequences that count, in the statement that writes a table, what it makes missing."""

from collections.abc import Sequence

from datasets.analytics.engine import Cursor
from datasets.analytics.ingest.guard import Guard, Lost, long_form

_PER_STATEMENT = 500


class LossCounters:
    """Those of one statement: of each guard and its columns, one for what it counts."""

    def __init__(
        self, cursor: Cursor, groups: Sequence[tuple[Guard, list[int]]], statement: int
    ) -> None:
        self._cursor = cursor
        self._groups = groups
        self._statement = statement
        self._counts: dict[Lost, dict[int, int]] = {}
        names = [
            f"{how}_{self.name(same)}"
            for guard, same in groups
            for how in guard.counted
        ]
        for start in range(0, len(names), _PER_STATEMENT):
            made = names[start : start + _PER_STATEMENT]
            statements = (f"CREATE OR REPLACE SEQUENCE {name}" for name in made)
            cursor.rows(";".join(statements), {})

    def name(self, columns: Sequence[int]) -> str:
        """Return the end of the sequences' names for columns that share a guard."""
        return f"{self._statement:d}_{columns[0]:d}"

    def counts(self, how: Lost, rows: str) -> dict[int, int]:
        """Return by column how often something was counted in a SELECT of all cells."""
        if how not in self._counts:
            self._counts[how] = self._counted(how, rows)
        return self._counts[how]

    def _counted(self, how: Lost, rows: str) -> dict[int, int]:
        prefix = f"{how}_"
        listed = self._cursor.rows(
            "SELECT sequence_name, last_value FROM duckdb_sequences()"
            " WHERE starts_with(sequence_name, $prefix) AND last_value IS NOT NULL",
            {"prefix": prefix},
        )
        # Those of an earlier reading of the same files are there, too.
        last = {name.removeprefix(prefix): count for name, count in listed}
        found: dict[int, int] = {}
        for guard, same in self._groups:
            count = last.get(self.name(same), 0) if how in guard.counted else 0
            if count and len(same) > 1:
                found |= self._counted_apart(guard, same, how, rows)
            elif count:
                found[same[0]] = count
        return found

    def _counted_apart(
        self, guard: Guard, columns: Sequence[int], how: Lost, rows: str
    ) -> dict[int, int]:
        """Return the counts of columns that share an expression, and so a counter."""
        cells = [f"r{column}" for column in columns]
        listed = self._cursor.rows(
            f"SELECT c, count(*) FROM ({long_form(columns, cells, rows)})"  # noqa: S608
            f" WHERE {guard.is_lost('x', how)} GROUP BY c",
            {},
        )
        return dict(listed)
