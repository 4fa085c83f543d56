"""Evidence of all cells of text columns for or against type rules.

The cells are those of the table that was written. In wide tables the columns of one
rule share a look at it: to bind an expression for each takes longer than to read them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from datasets.analytics.ingest.context import Context, path_list
from datasets.analytics.ingest.guard import WIDE, long_form
from datasets.analytics.ingest.rules import Rule, list_of, trimmed
from datasets.analytics.sql import ROW_NUMBER, quote_ident

_LISTED = 5
_COLUMNS_PER_LOOK = 500


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether all cells of a column fit a rule; a cell that proves it, if any."""

    fits: bool
    decisive: str | None


@dataclass(frozen=True, slots=True)
class Misses:
    """Number of cells that do not fit a rule; the first by row and text."""

    count: int
    rows: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Tests rules on columns of text. `words` are null, except in `wordy` columns."""

    context: Context
    names: tuple[str, ...]
    words: tuple[str, ...]
    wordy: frozenset[int]

    def verdicts(self, rule: Rule, columns: Collection[int]) -> dict[int, Verdict]:
        """Test a rule on columns; a column without cells does not fit it."""
        found = dict.fromkeys(columns, Verdict(fits=False, decisive=None))
        for same, rows in self._looks(found):
            evident = f"CASE WHEN {rule.is_evident('x')} THEN x END"
            listed = self.context.cursor.rows(
                f"SELECT c, bool_and({rule.fits('x')}), min({evident}) FROM ({rows})"  # noqa: S608
                f" WHERE NOT {self._is_missing(same[0])} GROUP BY c",
                {},
            )
            found |= {c: Verdict(bool(fits), cell) for c, fits, cell in listed}
        return found

    def misses(self, rules: Mapping[int, Rule]) -> dict[int, Misses]:
        """Return the cells that do not fit the rule of their column."""
        by_rule: dict[Rule, list[int]] = {}
        for column, rule in rules.items():
            by_rule.setdefault(rule, []).append(column)
        found: dict[int, Misses] = {}
        for rule, columns in by_rule.items():
            for same, rows in self._looks(columns):
                listed = self.context.cursor.rows(
                    f"SELECT c, count(*), min(n, {_LISTED:d}),"  # noqa: S608 - numbers
                    f" min_by(left(x, 200), n, {_LISTED:d}) FROM ({rows})"
                    f" WHERE NOT {self._is_missing(same[0])} AND NOT {rule.fits('x')}"
                    " GROUP BY c",
                    {},
                )
                for c, count, places, texts in listed:
                    pairs = zip(places, texts, strict=True)
                    found[c] = Misses(count, tuple(pairs))
        return found

    def _looks(self, columns: Collection[int]) -> Iterator[tuple[Sequence[int], str]]:
        """Yield columns that share a look, and a SELECT of their cells."""
        path = path_list([self.context.folder / "data.parquet"])
        table = f"read_parquet({path}, {ROW_NUMBER}=true)"
        for is_wordy in (False, True):
            alike = [c for c in columns if (c in self.wordy) is is_wordy]
            for same in self._batches(alike):
                cells = [quote_ident(self.names[column]) for column in same]
                yield same, long_form(same, cells, f"FROM {table}", place=ROW_NUMBER)

    def _batches(self, columns: Sequence[int]) -> Iterator[Sequence[int]]:
        size = _COLUMNS_PER_LOOK if len(self.names) > WIDE else 1
        for start in range(0, len(columns), size):
            yield columns[start : start + size]

    def _is_missing(self, column: int) -> str:
        words = () if column in self.wordy else self.words
        listed = list_of(("", *words))[1:-1]
        return f"(x IS NULL OR {trimmed('x')} IN ({listed}))"
