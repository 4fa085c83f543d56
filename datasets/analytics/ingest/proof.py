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
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.evidence import Evidence
from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.guard import (
    MISFIT,
    WIDE,
    Empty,
    Guard,
    Lost,
    long_form,
    shared,
)
from datasets.analytics.ingest.proposing import Cells, Proposal
from datasets.analytics.ingest.rules import TEXT, Rule
from datasets.analytics.sql import quote_ident

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

    @property
    def is_clean(self) -> bool:
        """Whether no cell holds a character that casts to numbers overlook."""
        ...

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
        self._groups: list[tuple[Guard, list[int]]] = []
        self._counts: dict[Lost, dict[int, int]] = {}

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
        columns = [
            column
            for column, found in self.proposals.items()
            if found.rule is not TEXT and column not in self.plan.forced
        ]
        wide = len(self.table.names) > WIDE
        examples = self._examples_of_many(columns) if wide else self._examples(columns)
        refuted = [column for column, cells in examples.items() if cells]
        if not refuted:
            raise IngestRefused("invalid_file", "The columns have no types that hold.")
        self.cells.add(examples)
        self._propose(refuted)

    def _examples(self, columns: Sequence[int]) -> dict[int, list[str]]:
        """Return cells that do not fit by column, in one look at the table."""
        if not columns:
            return {}
        wanted = [
            _examples_of(
                f"CASE WHEN {self.guard(column).is_kept(f'r{column}')}"
                f" THEN NULL ELSE r{column} END"
            )
            for column in columns
        ]
        found = self.context.cursor.row(
            f"SELECT {', '.join(wanted)} FROM ({self.rows()})",  # noqa: S608
            {},
        )
        return {
            column: _flat(found[3 * i : 3 * i + 3]) for i, column in enumerate(columns)
        }

    def _examples_of_many(self, columns: Sequence[int]) -> dict[int, list[str]]:
        """Return the same, in one look for each guard."""
        examples: dict[int, list[str]] = {}
        for guard, same in self._by_guard(columns):
            cells = long_form(same, [f"r{column}" for column in same], self.rows())
            found = self.context.cursor.rows(
                f"SELECT c, {_examples_of('x')} FROM ({cells})"  # noqa: S608
                f" WHERE ({guard.is_kept('x')}) IS NOT TRUE GROUP BY c",
                {},
            )
            examples |= {row[0]: _flat(row[1:]) for row in found}
        return examples

    def rows(self) -> str:
        """Return a SELECT of all cells, in no order."""
        return " UNION ALL ".join(f"({part})" for part in self.table.parts())

    def guard(self, column: int) -> Guard:
        """Return how a column is guarded as things stand."""
        rule = self.proposals[column].rule
        words = () if column in self.cells.wordy else self.plan.null_words
        if rule is not TEXT and rule is not None:
            forced = column in self.plan.forced
            return Guard(rule, words, forced, self.table.is_clean)
        empty = Empty.COUNTED if self.table.has_quotes else Empty.ABSENT
        if column in self.unquoted:
            empty = Empty.MISSING
        return Guard(rule, words if rule is None else (), empty=empty)

    def _by_guard(self, columns: Iterable[int]) -> list[tuple[Guard, list[int]]]:
        found: dict[Guard, list[int]] = {}
        for column in columns:
            found.setdefault(self.guard(column), []).append(column)
        return list(found.items())

    def _grouped(self) -> list[tuple[Guard, list[int]]]:
        """Return the columns by expression: in wide tables those of one guard share it.

        The lists of a row would make a narrow table slower.
        """
        found = self._by_guard(range(len(self.table.names)))
        is_wide = len(self.table.names) > WIDE
        return [
            (guard, part)
            for guard, same in found
            for part in (
                [same] if is_wide and not guard.is_plain else [[c] for c in same]
            )
        ]

    def _guarded(self, select: str) -> str:
        """Return a SELECT of the values of the cells of another one."""
        inner, outer = ["*"], dict[int, str]()
        for guard, same in self._groups:
            cells = [f"r{column}" for column in same]
            first = f"{self._round:d}_{same[0]:d}"
            if len(same) > 1:
                inner.append(f"{shared(guard, cells, first)} AS g{same[0]}")
                outer |= {c: f"g{same[0]}[{i + 1}]" for i, c in enumerate(same)}
                continue
            quick = f"q{same[0]}"
            if guard.rule and guard.rule.quick:
                inner.append(f"{guard.rule.read_quickly(cells[0])} AS {quick}")
            outer[same[0]] = guard.of(cells[0], quick, first)
        listed = ", ".join(
            f"{outer[column]} AS {quote_ident(name)}"
            for column, name in enumerate(self.table.names)
        )
        return f"SELECT {listed} FROM (SELECT {', '.join(inner)} FROM ({select}))"  # noqa: S608

    def _make_counters(self) -> None:
        """Make sequences that count, in the statement, what it makes missing."""
        self._groups = self._grouped()
        self._counts = {}
        names = [
            f"{how}_{self._round:d}_{same[0]:d}"
            for guard, same in self._groups
            for how in guard.counted
        ]
        for start in range(0, len(names), 500):
            self.context.cursor.rows(
                ";".join(
                    f"CREATE OR REPLACE SEQUENCE {name}"
                    for name in names[start : start + 500]
                ),
                {},
            )

    def counts(self, how: Lost) -> dict[int, int]:
        """Return by column how often the last statement counted something."""
        if how not in self._counts:
            self._counts[how] = self._counted(how)
        return self._counts[how]

    def _counted(self, how: Lost) -> dict[int, int]:
        prefix = f"{how}_{self._round:d}_"
        rows = self.context.cursor.rows(
            "SELECT sequence_name, last_value FROM duckdb_sequences()"
            " WHERE starts_with(sequence_name, $prefix) AND last_value IS NOT NULL",
            {"prefix": prefix},
        )
        found = {int(name.removeprefix(prefix)): count for name, count in rows}
        for guard, same in self._groups:
            if len(same) > 1 and found.pop(same[0], 0):
                found |= self._counted_apart(guard, same, how)
        return found

    def _counted_apart(
        self, guard: Guard, columns: Sequence[int], how: Lost
    ) -> dict[int, int]:
        """Return the counts of columns that share an expression, and so a counter."""
        cells = [f"r{column}" for column in columns]
        rows = self.context.cursor.rows(
            f"SELECT c, count(*) FROM ({long_form(columns, cells, self.rows())})"  # noqa: S608
            f" WHERE {guard.is_lost('x', how)} GROUP BY c",
            {},
        )
        return dict(rows)

    def _reconsidered(self) -> set[int]:
        """Return columns whose rule has to change, now that all cells are known."""
        changed = self._resolved()
        if self.table.has_quotes:
            words = set(self.counts(Lost.WORD)) - self.plan.forced.keys()
            empty = set(self.counts(Lost.EMPTY))
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
        open_ = {c: p for c, p in self.proposals.items() if p.pending}
        by_rule: dict[Rule, list[int]] = {}
        for column, found in open_.items():
            for rule in found.pending:
                by_rule.setdefault(rule, []).append(column)
        evidence = self.evidence()
        verdicts = {r: evidence.verdicts(r, same) for r, same in by_rule.items()}
        decided: dict[int, list[str]] = {}
        for column, found in open_.items():
            said = [verdicts[rule][column] for rule in found.pending]
            decisive = [v.decisive for v in said if v.fits and v.decisive]
            if decisive:
                decided[column] = decisive[:1]
                continue
            near = found.near or found.pending[0]
            self.proposals[column] = Proposal(found.rule, (), near)
            if any(verdict.fits for verdict in said):
                self.uncertain[column] = found.pending[0]
        self.cells.add(decided)
        return set(decided)

    def evidence(self) -> Evidence:
        return Evidence(
            self.context,
            tuple(self.table.names),
            tuple(self.plan.null_words),
            frozenset(self.cells.wordy),
        )


def _examples_of(cell: str) -> str:
    """Return aggregates of some cells, of those that widen a type most among them."""
    return (
        f"min({cell}, {_EXAMPLES}), max({cell}, {_EXAMPLES}),"
        f" max_by({cell}, strlen({cell}), {_EXAMPLES})"
    )


def _flat(lists: Iterable[Sequence[str | None] | None]) -> list[str]:
    return [cell for cells in lists for cell in cells or () if cell]
