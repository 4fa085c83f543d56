"""The expression through which cells of text become values, column by column.

A cell fits the rule of its column, or it is missing and counted, or the statement
fails. Columns of one guard may share one expression: in a table of 2,000 columns,
binding an expression for each takes longer than reading the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from datasets.analytics.ingest.model import NULL_WORDS
from datasets.analytics.ingest.rules import TEXT, Rule, list_of, trimmed

MISFIT = "cell-does-not-fit"
# Tables of more columns are handled by what columns have in common.
WIDE = 64


class Lost(StrEnum):
    """Counters of a guard: null words, invalid cells, empty cells in quotes.

    For a type that the user chose, also numbers that it rounds.
    """

    WORD = "word"
    BAD = "bad"
    ROUNDED = "rounded"
    EMPTY = "empty"


class Empty(StrEnum):
    """Meaning of an empty quoted text in a text column."""

    ABSENT = "absent"
    MISSING = "missing"
    COUNTED = "counted"


@dataclass(frozen=True, slots=True)
class Guard:
    """Guard of a column; equal guards may share an expression.

    Without a `rule` nothing is known but null words. What does not fit a rule that
    is `forced` is missing. `is_clean` says that no cell holds a character that casts
    overlook.
    """

    rule: Rule | None
    null_words: tuple[str, ...]
    forced: bool = False
    is_clean: bool = False
    empty: Empty = Empty.ABSENT

    @property
    def is_plain(self) -> bool:
        """Whether cells pass unchanged."""
        return self.rule is TEXT and self.empty is Empty.ABSENT

    @property
    def counted(self) -> tuple[Lost, ...]:
        if self.rule is TEXT or self.rule is None:
            return (Lost.EMPTY,) if self.empty is Empty.COUNTED else ()
        if not self.forced:
            return (Lost.WORD,)
        chosen = (Lost.WORD, Lost.BAD)
        return (*chosen, Lost.ROUNDED) if self.rule.same else chosen

    def of(self, cell: str, quick: str, counter: str) -> str:
        """Return SQL of the value.

        `quick` is `rule.quick` of the cell, computed once; `counter` the end of the
        sequences' names, which begin with what they count.
        """
        if self.rule is TEXT:
            return self._text(cell, counter)
        if self.rule is None:
            return (
                f"CASE WHEN {cell} IS NULL THEN NULL WHEN {self.is_word(cell)}"
                f" THEN {self._text(cell, counter)} ELSE error('{MISFIT}') END"
            )
        nothing = f"CAST(NULL AS {self.rule.type})"
        left = f"error('{MISFIT}')"
        if self.forced:
            left = f"CASE WHEN nextval('bad_{counter}') > 0 THEN {nothing} END"
        missing = (
            f"WHEN {cell} IS NULL THEN NULL WHEN {self.is_word(cell)} THEN"
            f" CASE WHEN nextval('word_{counter}') > 0 THEN {nothing} END"
        )
        fast = self.rule.is_proven(cell, quick, is_clean=self.is_clean)
        proven = f"WHEN {fast} THEN {quick}" if fast else ""
        # Most cells are no null words; where a word is a value as well, it goes first.
        first, second = (
            (proven, missing)
            if set(self.null_words) <= set(NULL_WORDS)
            else (missing, proven)
        )
        value = self.rule.value(cell)
        if Lost.ROUNDED in self.counted:
            # No OR: DuckDB tries which part of one is the cheapest.
            value = (
                f"CASE WHEN {self.rule.is_same(cell)} THEN {value}"
                f" WHEN nextval('rounded_{counter}') > 0 THEN {value} END"
            )
        return (
            f"CASE {first} {second} WHEN {self.rule.fits(cell)}"
            f" THEN {value} ELSE {left} END"
        )

    def _text(self, cell: str, counter: str) -> str:
        match self.empty:
            case Empty.ABSENT:
                return cell
            case Empty.MISSING:
                return f"nullif({cell}, '')"
        empty = f"{cell} = '' AND nextval('empty_{counter}') > 0"
        return f"CASE WHEN {empty} THEN '' ELSE {cell} END"

    def is_word(self, cell: str) -> str:
        words = list(self.null_words)
        if self.rule is None or not self.rule.has_empty:
            words.append("")
        return f"{trimmed(cell)} IN ({list_of(words)[1:-1]})" if words else "false"

    def is_kept(self, cell: str) -> str:
        missing = f"{cell} IS NULL OR {self.is_word(cell)}"
        return f"({missing} OR {self.rule.fits(cell)})" if self.rule else f"({missing})"

    def is_lost(self, cell: str, how: Lost) -> str:
        """Return the condition under which a cell is counted."""
        match how:
            case Lost.EMPTY:
                return f"{cell} = ''"
            case Lost.WORD:
                return f"{cell} IS NOT NULL AND {self.is_word(cell)}"
            case Lost.ROUNDED if self.rule:
                kept = f"{self.rule.fits(cell)} AND NOT {self.rule.is_same(cell)}"
                return f"{cell} IS NOT NULL AND NOT {self.is_word(cell)} AND {kept}"
        return f"({self.is_kept(cell)}) IS NOT TRUE"


def shared(guard: Guard, cells: Sequence[str], counter: str) -> str:
    """Return SQL of the list of the values of several cells of one row."""
    listed = f"[{', '.join(cells)}]"
    if guard.rule is None or not guard.rule.quick:
        return f"list_transform({listed}, lambda cell: {guard.of('cell', '', counter)})"
    quick = f"list_transform({listed}, lambda cell: {guard.rule.read_quickly('cell')})"
    return (
        f"list_transform(list_zip({listed}, {quick}),"
        f" lambda pair: {guard.of('pair[1]', 'pair[2]', counter)})"
    )


def long_form(
    columns: Sequence[int], cells: Sequence[str], rows: str, *, place: str = ""
) -> str:
    """Return a SELECT of each cell `x` with the number `c` of its column.

    `place` is a column of the rows that goes along as `n`.
    """
    along = f", {place} AS n" if place else ""
    if len(cells) == 1:
        return f"SELECT {columns[0]:d} AS c, {cells[0]} AS x{along} FROM ({rows})"  # noqa: S608
    numbers = ", ".join(map(str, columns))
    return (
        f"SELECT unnest([{numbers}]) AS c, unnest([{', '.join(cells)}]) AS x{along}"  # noqa: S608
        f" FROM ({rows})"
    )
