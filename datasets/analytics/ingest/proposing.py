"""Types for columns of text, proposed from some of their cells.

A proposal is the narrowest rule that all known cells fit. Cells that turn out not to
fit are added to the known ones, so that the next proposal is wider: a rule that one
cell refuted does not come back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from datasets.analytics.engine import Cursor
from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.rules import (
    PLAIN,
    TEXT,
    WHOLE,
    Rule,
    decimal,
    list_of,
    trimmed,
)
from datasets.analytics.ingest.times import ZONE, instants
from datasets.analytics.sql import quote_literal

# What a column of all sorts has to be for the most part, to be called a near miss.
_MOSTLY = 0.5
_OFFSETS = 20


@dataclass(frozen=True, slots=True)
class Proposal:
    """The rule of one column; None where no cell is known yet.

    `pending` are rules that fit and lack evidence, `near` the one that most of the
    cells of a column of text fit.
    """

    rule: Rule | None
    pending: tuple[Rule, ...] = ()
    near: Rule | None = None


@dataclass(slots=True)
class _Facts:
    """Evidence of the known cells of one column."""

    cells: int
    has_digit: bool
    is_whole: bool
    number_share: float
    scale: int
    offsets: list[str]
    fits: list[bool]
    evident: list[bool]
    shares: list[float]

    def behind(self, earlier: "_Facts | None") -> "_Facts":
        """Return the same with what was found of earlier rules before it."""
        if earlier is None:
            return self
        return replace(
            self,
            fits=earlier.fits + self.fits,
            evident=earlier.evident + self.evident,
            shares=earlier.shares + self.shares,
        )


@dataclass(slots=True)
class Cells:
    """The known cells of all columns, each different one once, in a table."""

    cursor: Cursor
    null_words: tuple[str, ...]
    # Columns in which a null word is a word, because it stands in quotes.
    wordy: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cursor.rows(
            "CREATE OR REPLACE TEMP TABLE cells (c INTEGER, x VARCHAR)", {}
        )

    def add_rows(self, select: str, columns: Sequence[int]) -> None:
        """Add the rows of a SELECT of r0, r1, and so on."""
        if not columns:
            return
        numbers = _numbers(columns)
        cells = ", ".join(f"r{column}" for column in columns)
        self.cursor.rows(
            "INSERT INTO cells SELECT DISTINCT c, x FROM (SELECT"  # noqa: S608 - numbers
            f" unnest([{numbers}]) AS c, unnest([{cells}]) AS x FROM ({select}))"
            " WHERE x IS NOT NULL",
            {},
        )

    def add(self, found: Mapping[int, Iterable[str]]) -> None:
        """Add cells by column."""
        pairs = [(column, cell) for column, cells in found.items() for cell in cells]
        if pairs:
            self.cursor.rows(
                "INSERT INTO cells SELECT unnest($columns), unnest($cells)",
                {"columns": [c for c, _ in pairs], "cells": [x for _, x in pairs]},
            )

    def proposals(
        self, columns: Sequence[int], grammar: Grammar
    ) -> dict[int, Proposal]:
        """Return what the known cells of some columns of one grammar allow."""
        if not grammar.rules():
            return dict.fromkeys(columns, Proposal(TEXT))
        found, facts = self._staged(columns, grammar)
        texts = [column for column in columns if found[column].rule is TEXT]
        for column in texts if grammar.numeric else []:
            exact = decimal(facts[column].scale, grammar.signs or PLAIN)
            if facts[column].number_share == 1 and self._all_fit(column, exact):
                found[column] = Proposal(exact)
        texts = [c for c in texts if found[c].rule is TEXT and facts[c].has_digit]
        local = grammar.local_rules()
        if texts and local:
            again = self._facts(texts, grammar, local)
            for column in texts:
                proposal = _proposal(again.get(column), local)
                near = None
                if proposal.rule is TEXT:
                    near = found[column].near or proposal.near
                found[column] = Proposal(proposal.rule, proposal.pending, near)
        return found

    def _staged(
        self, columns: Sequence[int], grammar: Grammar
    ) -> tuple[dict[int, Proposal], dict[int, _Facts]]:
        """Try rules of later stages on columns that those before leave to text only.

        Without a digit no cell fits them.
        """
        found: dict[int, Proposal] = {}
        facts: dict[int, _Facts] = {}
        rules: list[Rule] = []
        open_ = list(columns)
        for stage in grammar.stages():
            rules += stage
            for column, fact in self._facts(open_, grammar, stage).items():
                facts[column] = fact.behind(facts.get(column))
            found |= {column: _proposal(facts.get(column), rules) for column in open_}
            texts = [column for column in open_ if found[column].rule is TEXT]
            open_ = [column for column in texts if facts[column].has_digit]
        return found, facts

    def _facts(
        self, columns: Sequence[int], grammar: Grammar, rules: Sequence[Rule]
    ) -> dict[int, _Facts]:
        if not columns:
            return {}
        signs = grammar.signs or PLAIN
        plain, text = signs.plain("x"), trimmed("x")
        behind = f"split_part({plain}, '.', 2)"
        offset = f"nullif(regexp_extract({text}, {quote_literal(f'{ZONE}$')}), '')"
        tested = "".join(
            f", bool_and({rule.fits('x')}), bool_or({rule.is_evident('x')}),"
            f" avg(({rule.fits('x')})::INTEGER)"
            for rule in rules
        )
        rows = self.cursor.rows(
            "SELECT c, count(*), bool_or(regexp_matches(x, '[0-9]')),"  # noqa: S608
            f" bool_and(regexp_full_match({text}, {quote_literal(WHOLE)})),"
            f" avg((try_cast({plain} AS DOUBLE) IS NOT NULL OR"
            f" try_cast({plain} AS HUGEINT) IS NOT NULL)::INTEGER),"
            f" max(CASE WHEN regexp_full_match({behind}, '[0-9]+')"
            f" THEN strlen({behind}) ELSE 0 END),"
            f" [min({offset}), max({offset})]{tested}"
            f" FROM (SELECT DISTINCT c, x FROM cells WHERE {_is_one_of(columns)}"
            f" AND {self._is_value('x')}) GROUP BY c",
            {},
        )
        return {row[0]: _as_facts(row[1:]) for row in rows}

    def _is_value(self, cell: str) -> str:
        """Return the condition that a cell is no null word."""
        words = list_of(("", *self.null_words))
        missing = f"{trimmed(cell)} IN (SELECT unnest({words}))"
        if not self.wordy:
            return f"NOT {missing}"
        wordy = _is_one_of(sorted(self.wordy))
        return f"(NOT {missing} OR ({wordy} AND {trimmed(cell)} <> ''))"

    def _all_fit(self, column: int, rule: Rule) -> bool:
        (fit,) = self.cursor.row(
            f"SELECT bool_and({rule.fits('x')}) FROM cells WHERE c = {column:d}"  # noqa: S608
            f" AND {self._is_value('x')}",
            {},
        )
        return bool(fit)


def _numbers(columns: Sequence[int]) -> str:
    return ", ".join(map(str, columns))


def _is_one_of(columns: Sequence[int]) -> str:
    """Return a condition on `c`: as a join, because a list is compared one by one."""
    return f"c IN (SELECT unnest([{_numbers(columns)}]))"


def _as_facts(row: Sequence[Any]) -> _Facts:
    count, has_digit, is_whole, number_share, scale, offsets, *tested = row
    return _Facts(
        count,
        has_digit,
        is_whole,
        number_share,
        min(scale or 0, 38),
        sorted({*filter(None, offsets)}),
        tested[0::3],
        tested[1::3],
        tested[2::3],
    )


def _proposal(facts: _Facts | None, rules: Sequence[Rule]) -> Proposal:
    if facts is None:
        return Proposal(None)
    pending = []
    for rule, fits, evident in zip(rules, facts.fits, facts.evident, strict=True):
        if not fits or not _is_meant(rule, facts):
            continue
        if evident:
            return Proposal(_with_offset(rule, facts))
        pending.append(rule)
    best = max(range(len(rules)), key=lambda index: facts.shares[index])
    near = rules[best] if _MOSTLY <= facts.shares[best] < 1 else None
    if near is None and facts.number_share >= _MOSTLY:
        # Codes such as 005930, or 0x10: numbers to a reader who drops what they say.
        near = next((rule for rule in rules if rule.type == "DOUBLE"), None)
    return Proposal(TEXT, tuple(pending), near)


def _is_meant(rule: Rule, facts: _Facts) -> bool:
    """Return whether cells that fit a floating number are such numbers.

    Whole numbers beyond 64 bits are exact decimals; words such as inf alone are text.
    """
    return rule.type != "DOUBLE" or (facts.has_digit and not facts.is_whole)


def _with_offset(rule: Rule, facts: _Facts) -> Rule:
    if rule.type != "TIMESTAMP WITH TIME ZONE":
        return rule
    return instants(facts.offsets[0] if len(facts.offsets) == 1 else None)
