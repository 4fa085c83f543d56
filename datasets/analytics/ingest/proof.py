"""The one way from cells of text to typed columns: nothing changes unseen.

Every cell of a typed column passes a guard in the statement that writes the table:
it fits its rule, or it is missing and counted, or the statement fails and writes
nothing. Then the cells that did not fit widen the proposal, and it is tried again.
Nobody can write without the guard, because it is the expression that is written.
"""

from collections.abc import Iterable
from itertools import groupby

from datasets.analytics.errors import AnalyticsError, IngestRefused, TooHeavy
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.counters import LossCounters
from datasets.analytics.ingest.evidence import Evidence
from datasets.analytics.ingest.examples import examples, examples_of_many
from datasets.analytics.ingest.grammar import COMMA
from datasets.analytics.ingest.guard import (
    MISFIT,
    WIDE,
    Empty,
    Guard,
    Lost,
    long_form,
    shared,
)
from datasets.analytics.ingest.plan import Plan, RawTable
from datasets.analytics.ingest.proposing import Cells, Proposal
from datasets.analytics.ingest.rules import (
    FLOATING,
    TEXT,
    Rule,
    list_of,
    trimmed,
    whole_number,
)
from datasets.analytics.sql import quote_ident

_ROUNDS = 60
_SAMPLE_ROWS = 2_000
_LEAST_ROWS = 50
_SAMPLE_CELLS = 60_000


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
        # Of these another column makes the usual reading doubtful.
        self.contradicted: set[int] = set()
        self._statements = 0
        self._groups: list[tuple[Guard, list[int]]] = []
        self._counters = LossCounters(context.cursor, [], 0)

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
        for column in self.contradicted.intersection(free):
            self.proposals[column] = Proposal(TEXT)

    def _copy(self) -> None:
        """Write the table by rules that hold for all of it."""
        for _ in range(_ROUNDS):
            self._statements += 1
            self._groups = self._grouped()
            cursor, number = self.context.cursor, self._statements
            self._counters = LossCounters(cursor, self._groups, number)
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
        """Take cells that do not fit into account: their columns get wider rules."""
        columns = [
            column
            for column, found in self.proposals.items()
            if found.rule is not TEXT and column not in self.plan.forced
        ]
        look = examples_of_many if len(self.table.names) > WIDE else examples
        found = look(self.context.cursor, self._by_guard(columns), self.rows())
        refuted = [column for column, cells in found.items() if cells]
        if not refuted:
            raise IngestRefused("invalid_file", "The columns have no types that hold.")
        self.cells.add(found)
        self._propose(refuted)

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
            counter = self._counters.name(same)
            if len(same) > 1:
                inner.append(f"{shared(guard, cells, counter)} AS g{same[0]}")
                outer |= {c: f"g{same[0]}[{i + 1}]" for i, c in enumerate(same)}
                continue
            quick = f"q{same[0]}"
            if guard.rule and guard.rule.quick:
                inner.append(f"{guard.rule.read_quickly(cells[0])} AS {quick}")
            outer[same[0]] = guard.of(cells[0], quick, counter)
        listed = ", ".join(
            f"{outer[column]} AS {quote_ident(name)}"
            for column, name in enumerate(self.table.names)
        )
        return f"SELECT {listed} FROM (SELECT {', '.join(inner)} FROM ({select}))"  # noqa: S608

    def counts(self, how: Lost) -> dict[int, int]:
        """Return by column how often the last statement counted something."""
        return self._counters.counts(how, self.rows())

    def _reconsidered(self) -> set[int]:
        """Return columns whose rule has to change, now that all cells are known."""
        changed = self._resolved() | self._newly_contradicted()
        if self.table.has_quotes:
            words = set(self.counts(Lost.WORD)) - self.plan.forced.keys()
            empty = set(self.counts(Lost.EMPTY)) - self.plan.forced.keys()
            if words or empty:
                quoted = self.table.wholly_quoted(sorted(words | empty))
                doubtful = words - quoted - self.cells.wordy
                wordy = self.table.with_quoted_words(
                    sorted(doubtful), self.plan.null_words
                )
                self.cells.wordy |= wordy
                self.unquoted |= empty & quoted
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
            found_verdicts = [verdicts[rule][column] for rule in found.pending]
            decisive = [v.decisive for v in found_verdicts if v.fits and v.decisive]
            if decisive:
                decided[column] = decisive[:1]
                continue
            near = found.near or found.pending[0]
            self.proposals[column] = Proposal(found.rule, (), near)
            if any(verdict.fits for verdict in found_verdicts):
                self.uncertain[column] = found.pending[0]
        self.cells.add(decided)
        return set(decided)

    def _newly_contradicted(self) -> set[int]:
        """Return columns of fractions that are whole numbers by another column's signs.

        Where a column proves that a comma stands before decimals and a point between
        thousands, 1.000 may be a thousand: nothing in its own column says so.
        """
        free = {
            column: found.rule
            for column, found in self.proposals.items()
            if found.rule
            and column not in self.plan.forced
            and self.plan.grammars[column].signs is None
        }
        proven = {rule.signs for rule in free.values() if rule.signs}
        plain = [c for c, rule in free.items() if rule == FLOATING]
        if self.table.has_numbers or COMMA not in proven or not plain:
            return set()
        rule = whole_number(COMMA)
        known = f"SELECT c, x FROM cells WHERE list_contains({plain}, c)"  # noqa: S608
        if likely := self._fitting(rule, known):
            cells = [f"r{column}" for column in likely]
            likely = self._fitting(rule, long_form(likely, cells, self.rows()))
        self.uncertain |= dict.fromkeys(likely, rule)
        self.contradicted.update(likely)
        return set(likely)

    def _fitting(self, rule: Rule, cells: str) -> list[int]:
        """Return columns `c` whose cells `x` all fit a rule, or are null words."""
        words = list_of(("", *self.plan.null_words))[1:-1]
        found = self.context.cursor.rows(
            f"SELECT c FROM ({cells}) WHERE x IS NOT NULL"  # noqa: S608 - from rules
            f" AND {trimmed('x')} NOT IN ({words})"
            f" GROUP BY c HAVING bool_and({rule.fits('x')})",
            {},
        )
        return [column for (column,) in found]

    def evidence(self) -> Evidence:
        return Evidence(
            self.context,
            tuple(self.table.names),
            tuple(self.plan.null_words),
            frozenset(self.cells.wordy),
        )
