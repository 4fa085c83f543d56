"""The one way from cells of text to typed columns: nothing changes unseen.

Every cell of a typed column passes a guard in the statement that writes the table:
it fits its rule, or it is missing and counted, or the statement fails and writes
nothing. Then the cells that did not fit widen the proposal, and it is tried again.
Nobody can write without the guard, because it is the expression that is written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

from datasets.analytics.errors import AnalyticsError, IngestRefused, TooHeavy
from datasets.analytics.ingest.context import Context, path_list
from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.model import NULL_WORDS
from datasets.analytics.ingest.proposing import Cells, Proposal
from datasets.analytics.ingest.rules import TEXT, Rule, list_of, trimmed
from datasets.analytics.sql import quote_ident

MISFIT = "cell-does-not-fit"
_ROUNDS = 60
_EXAMPLES = 20
_SAMPLE_ROWS = 2_000
_LEAST_ROWS = 50
_SAMPLE_CELLS = 60_000


class RawTable(Protocol):
    """Cells of text, as a file gives them: an empty one is NULL."""

    @property
    def names(self) -> Sequence[str]: ...

    def parts(self, *, limit: int | None = None, counted: bool = False) -> list[str]:
        """Return SELECTs of the cells as r0, r1, …: one after the other, the table.

        Of each `limit` rows, where it is given; what a `counted` one leaves out for
        its form is remembered.
        """
        ...

    @property
    def has_quotes(self) -> bool: ...

    def wholly_quoted(self, columns: Sequence[int]) -> set[int]:
        """Return those columns of which every cell stands in quotes."""
        ...

    def with_quoted_words(
        self, columns: Sequence[int], words: Sequence[str]
    ) -> set[int]:
        """Return those columns in which one of the words stands in quotes."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What may become of each column. `forced` rules come from a person.

    `kept` columns are no text and have the types that they need.
    """

    grammars: Sequence[Grammar]
    null_words: tuple[str, ...] = ()
    forced: Mapping[int, Rule] = field(default_factory=dict)
    kept: Mapping[int, str] = field(default_factory=dict)


class Proof:
    """Writes a table of text as typed columns, proving each cell on the way."""

    def __init__(self, context: Context, table: RawTable, plan: Plan) -> None:
        self.context = context
        self.table = table
        self.plan = plan
        self.cells = Cells(context.cursor, plan.null_words)
        self.proposals: dict[int, Proposal] = {}
        # Columns of text in which quotes say nothing, and those that stay in doubt.
        self.unquoted: set[int] = set()
        self.uncertain: dict[int, Rule] = {}
        self._round = 0

    def write(self) -> None:
        """Write data.parquet. Raises IngestRefused or the engine's errors."""
        columns = [
            column
            for column in range(len(self.table.names))
            if column not in self.plan.kept
        ]
        self.proposals = dict.fromkeys(self.plan.kept, Proposal(TEXT))
        rows = min(
            _SAMPLE_ROWS, max(_SAMPLE_CELLS // max(len(columns), 1), _LEAST_ROWS)
        )
        for part in self.table.parts(limit=rows):
            self.cells.add_rows(part, columns)
        self._propose(columns)
        self._copy()
        while changed := self._reconsidered():
            self._propose(changed)
            self._copy()

    def _propose(self, columns: Iterable[int]) -> None:
        for column in columns:
            if column in self.plan.forced:
                self.proposals[column] = Proposal(self.plan.forced[column])
        free = [column for column in columns if column not in self.plan.forced]
        grammars = self.plan.grammars
        free.sort(key=lambda column: repr(grammars[column]))
        for _, same in groupby(free, key=lambda column: repr(grammars[column])):
            group = list(same)
            self.proposals |= self.cells.proposals(group, grammars[group[0]])

    def _copy(self) -> None:
        """Write the table by rules that hold for all of it."""
        for _ in range(_ROUNDS):
            self._round += 1
            self._make_counters()
            try:
                parts = self.table.parts(counted=True)
                selects = [self._guarded(part) for part in parts]
                self.context.copy(selects, columns=len(self.table.names))
            except TooHeavy:
                raise
            except AnalyticsError as error:
                if MISFIT not in str(error.__context__):
                    raise
                self._learn()
            else:
                return
        raise IngestRefused("invalid_file", "The columns have no types that hold.")

    def _learn(self) -> None:
        """Take cells that do not fit into account."""
        columns = [c for c, found in self.proposals.items() if found.rule is not TEXT]
        columns = [c for c in columns if c not in self.plan.forced]
        wanted = []
        for column in columns:
            bad = f"CASE WHEN {self._is_kept(column)} THEN NULL ELSE r{column} END"
            wanted += [
                f"min({bad}, {_EXAMPLES})",
                f"max({bad}, {_EXAMPLES})",
                f"max_by({bad}, strlen({bad}), {_EXAMPLES})",
            ]
        found = self.context.cursor.row(
            f"SELECT {', '.join(wanted)} FROM ({self._valued(self._rows())})",  # noqa: S608
            {},
        )
        examples = {
            column: [x for part in found[3 * i : 3 * i + 3] for x in part or [] if x]
            for i, column in enumerate(columns)
        }
        refuted = [column for column, cells in examples.items() if cells]
        if not refuted:
            raise IngestRefused("invalid_file", "The columns have no types that hold.")
        self.cells.add(examples)
        self._propose(refuted)

    def _rows(self) -> str:
        """Return a SELECT of all cells, in no order."""
        return " UNION ALL ".join(f"({part})" for part in self.table.parts())

    def _valued(self, select: str) -> str:
        """Add the value of each cell to the cells, so that it is computed once."""
        values = "".join(
            f", {found.rule.value(f'r{column}')} AS v{column}"
            for column, found in self._typed()
            if found.rule
        )
        return f"SELECT *{values} FROM ({select})"  # noqa: S608

    def _typed(self) -> list[tuple[int, Proposal]]:
        return [
            (column, found)
            for column, found in sorted(self.proposals.items())
            if found.rule not in {None, TEXT}
        ]

    def _guarded(self, select: str) -> str:
        names = self.table.names
        listed = ", ".join(
            f"{self._expression(column)} AS {quote_ident(name)}"
            for column, name in enumerate(names)
        )
        return f"SELECT {listed} FROM ({self._valued(select)})"  # noqa: S608

    def _expression(self, column: int) -> str:
        cell, value = f"r{column}", f"v{column}"
        rule = self.proposals[column].rule
        if rule is TEXT:
            return self._text(column)
        if rule is None:
            # Nothing is known but null words, which are words where nothing else is.
            return (
                f"CASE WHEN {cell} IS NULL THEN NULL WHEN {self.is_word(column)}"
                f" THEN {cell} ELSE error('{MISFIT}') END"
            )
        left = f"error('{MISFIT}')"
        if column in self.plan.forced:
            bad = self._counter("bad", column)
            left = f"CASE WHEN nextval('{bad}') < 0 THEN {value} END"
        words = self._counter("word", column)
        proven = f"WHEN {rule.is_proven(cell, value)} THEN {value}"
        missing = (
            f"WHEN {cell} IS NULL THEN NULL WHEN {self.is_word(column)} THEN"
            f" CASE WHEN nextval('{words}') < 0 THEN {value} END"
        )
        # Most cells are no null words; where a word is a value as well, it goes first.
        first, second = (
            (missing, proven) if self._has_values_as_words else (proven, missing)
        )
        return (
            f"CASE {first} {second} WHEN {rule.fits(cell)} THEN {value} ELSE {left} END"
        )

    @property
    def _has_values_as_words(self) -> bool:
        return not set(self.plan.null_words) <= set(NULL_WORDS)

    def _text(self, column: int) -> str:
        cell = f"r{column}"
        if column in self.unquoted:
            return f"nullif({cell}, '')"
        if not self.table.has_quotes:
            return cell
        counter = self._counter("empty", column)
        empty = f"{cell} = '' AND nextval('{counter}') > 0"
        return f"CASE WHEN {empty} THEN '' ELSE {cell} END"

    def is_word(self, column: int) -> str:
        words = () if column in self.cells.wordy else self.plan.null_words
        return f"{trimmed(f'r{column}')} IN {_tuple(('', *words))}"

    def _is_kept(self, column: int) -> str:
        rule, cell = self.proposals[column].rule, f"r{column}"
        missing = f"{cell} IS NULL OR {self.is_word(column)}"
        if rule is None:
            return f"({missing})"
        return (
            f"({rule.is_proven(cell, f'v{column}')} OR {missing} OR {rule.fits(cell)})"
        )

    def _counter(self, kind: str, column: int) -> str:
        return f"{kind}_{self._round:d}_{column:d}"

    def _make_counters(self) -> None:
        """Make sequences that count, in the statement, what it makes missing."""
        names = [
            self._counter("bad" if column in self.plan.forced else "word", column)
            for column, _ in self._typed()
        ]
        names += [self._counter("word", column) for column in self.plan.forced]
        if self.table.has_quotes:
            names += [
                self._counter("empty", column)
                for column, found in self.proposals.items()
                if found.rule is TEXT and column not in self.unquoted
            ]
        for start in range(0, len(names), 500):
            self.context.cursor.rows(
                ";".join(
                    f"CREATE OR REPLACE SEQUENCE {name}"
                    for name in names[start : start + 500]
                ),
                {},
            )

    def counts(self, kind: str) -> dict[int, int]:
        """Return by column how often the last statement counted something."""
        prefix = f"{kind}_{self._round:d}_"
        found = self.context.cursor.rows(
            "SELECT sequence_name, last_value FROM duckdb_sequences()"
            " WHERE starts_with(sequence_name, $prefix) AND last_value IS NOT NULL",
            {"prefix": prefix},
        )
        return {int(name.removeprefix(prefix)): count for name, count in found}

    def _reconsidered(self) -> set[int]:
        """Return columns whose rule has to change, now that all cells are known."""
        changed = self._resolved()
        if self.table.has_quotes:
            words = set(self.counts("word")) - self.plan.forced.keys()
            empty = set(self.counts("empty"))
            if words or empty:
                quoted = self.table.wholly_quoted(sorted(words | empty))
                doubtful = words - quoted - self.cells.wordy
                wordy = self.table.with_quoted_words(
                    sorted(doubtful), self.plan.null_words
                )
                self.cells.wordy |= wordy
                self.unquoted |= empty & quoted - self.plan.forced.keys()
                changed |= wordy | (empty & quoted)
        return changed

    def _resolved(self) -> set[int]:
        """Decide what the first cells left open, by all of them."""
        changed = set()
        for column, found in self.proposals.items():
            near, in_doubt = found.near, False
            for rule in found.pending:
                fits, evident = self._holds(column, rule)
                if fits and evident:
                    self.cells.add({column: self._evidence(column, rule)})
                    changed.add(column)
                    break
                in_doubt = in_doubt or fits
                near = near or rule
            else:
                self.proposals[column] = Proposal(found.rule, (), near)
                if in_doubt:
                    self.uncertain[column] = found.pending[0]
        return changed

    def _holds(self, column: int, rule: Rule) -> tuple[bool, bool]:
        """Return whether all cells of a column of text fit, and whether one decides."""
        cell = quote_ident(self.table.names[column])
        fits, evident = self.context.cursor.row(
            f"SELECT bool_and({rule.fits(cell)}), bool_or({rule.is_evident(cell)})"  # noqa: S608
            f" FROM {self.written()} WHERE NOT {self.is_missing(cell, column)}",
            {},
        )
        return bool(fits), bool(evident)

    def _evidence(self, column: int, rule: Rule) -> list[str]:
        cell = quote_ident(self.table.names[column])
        rows = self.context.cursor.rows(
            f"SELECT {cell} FROM {self.written()}"  # noqa: S608 - names are quoted
            f" WHERE {rule.is_evident(cell)} LIMIT 1",
            {},
        )
        return [row[0] for row in rows]

    def is_missing(self, cell: str, column: int) -> str:
        words = () if column in self.cells.wordy else self.plan.null_words
        return f"({cell} IS NULL OR {trimmed(cell)} IN {_tuple(('', *words))})"

    def written(self, options: str = "") -> str:
        path = path_list([self.context.folder / "data.parquet"])
        return f"read_parquet({path}{options})"


def _tuple(texts: Sequence[str]) -> str:
    return f"({list_of(texts)[1:-1]})"
