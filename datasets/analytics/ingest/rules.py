"""Type rules: the text that a type keeps without loss, as SQL.

A rule is a promise: a cell that `fits` has the same value in the rule's type, so
nothing is rounded, cut or read as something else. Text keeps every cell. The list
goes from the narrowest type to the widest; what it holds has a number, `REVISION`,
that each version keeps.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from datasets.analytics.sql import quote_literal

# To be raised whenever a column could get another type than before.
REVISION = 5

MAX_DIGITS = 38
_SPACES = quote_literal(" \t")
# Casts read over line ends behind a number, and over signs between its digits.
OVERLOOKED = b"\n\r\v\f_"
_OVERLOOKED = "'[\\n\\r\\v\\f_]'"
EXPONENT = "([eE][-+]?[0-9]+)?"
NON_FINITE = "-?(?i:inf|infinity)|(?i:nan)"
IS_NON_FINITE = f"regexp_full_match({{t}}, {quote_literal(NON_FINITE)})"
WHOLE = "-?[1-9][0-9]*|0"


@dataclass(frozen=True, slots=True)
class Rule:
    """One way of reading a cell. `{t}` in the SQL texts is the trimmed cell.

    `convert` gives the value, NULL where there is none; `holds` is what a matching
    cell must fulfil besides, where `{v}` is that value; where a chosen type keeps it
    though it is not the `same` number, that is counted. `quick` reads the cell `{x}`
    untrimmed, and `fast` proves `{v}`, which that gave, for the usual spellings: at
    a small price, and where `is_careless` only if nothing stands in the cell that
    casts overlook. `evidence` must match one cell at least: of `1,234` nobody knows
    what the comma means. `is_number` tells what a person would call numbers from
    dates and times; `has_empty`, that an empty text in quotes is a value. `format`
    and `signs` are what a person has to give for a chosen type to be read so.
    """

    label: str
    type: str
    pattern: str
    convert: str
    holds: str = "{v} IS NOT NULL"
    same: str = ""
    quick: str = ""
    fast: str = ""
    is_careless: bool = False
    evidence: str = ""
    note: str = ""
    format: str | None = None
    signs: "Signs | None" = None
    is_number: bool = False
    has_empty: bool = False

    def value(self, cell: str) -> str:
        return self.convert.format(t=trimmed(cell))

    def fits(self, cell: str) -> str:
        """Return the condition under which the type keeps the cell."""
        matches = f"regexp_full_match({trimmed(cell)}, {quote_literal(self.pattern)})"
        holds = self.holds.format(t=trimmed(cell), v=f"({self.value(cell)})")
        return f"({matches} AND {holds})"

    def is_same(self, cell: str) -> str:
        """Return the condition that a cell that fits is not rounded."""
        return f"({self.same.format(t=trimmed(cell), v=f'({self.value(cell)})')})"

    def is_evident(self, cell: str) -> str:
        if not self.evidence:
            return "true"
        return f"regexp_full_match({trimmed(cell)}, {quote_literal(self.evidence)})"

    def read_quickly(self, cell: str) -> str:
        return self.quick.format(x=cell)

    def is_proven(self, cell: str, quick: str, *, is_clean: bool) -> str:
        """Return a cheap condition that implies `fits`; nothing where there is none."""
        if not self.fast:
            return ""
        proven = self.fast.format(x=cell, v=quick)
        if is_clean or not self.is_careless:
            return f"({proven})"
        return f"({proven} AND NOT regexp_matches({cell}, {_OVERLOOKED}))"


@dataclass(frozen=True, slots=True)
class Signs:
    """Number format: decimal and thousands separators."""

    decimal: str = "."
    thousands: str = ""

    def plain(self, text: str) -> str:
        """Return SQL of a text that DuckDB reads as a number."""
        if self.thousands:
            text = f"replace({text}, {quote_literal(self.thousands)}, '')"
        if self.decimal != ".":
            text = f"replace({text}, {quote_literal(self.decimal)}, '.')"
        return text

    @property
    def whole(self) -> str:
        """The pattern of the digits before the decimals, without a leading zero."""
        grouped = (
            f"|[1-9][0-9]{{0,2}}({re.escape(self.thousands)}[0-9]{{3}})+"
            if self.thousands
            else ""
        )
        return f"(0|[1-9][0-9]*{grouped})"


PLAIN = Signs()


def trimmed(cell: str) -> str:
    return f"trim({cell}, {_SPACES})"


def _mantissa(text: str) -> str:
    """Return SQL of the significant digits of a number in its text."""
    plain = f"split_part(lower(ltrim({text}, '-')), 'e', 1)"
    return f"trim(replace({plain}, '.', ''), '0')"


BOOLEAN = Rule(
    "truth values",
    "BOOLEAN",
    "(?i:true|false)",
    "lower({t}) = 'true'",
    quick="try_cast({x} AS BOOLEAN)",
    # All other words that the cast takes are shorter.
    fast="strlen({x}) >= 4 AND {v} IS NOT NULL",
)
TEXT = Rule("text", "VARCHAR", "(?s).*", "{t}")


# Up to 15 digits always come back, longer ones where they are the shortest that do;
# the range leaves out what was cut to 0 or infinity. By the sign and size, the first
# characters leave out signs and leading zeros: as comparisons, because these look at
# four bytes. A CASE keeps the order, where DuckDB would try again and again which part
# of an OR is the cheapest, at twice the price.
_FAST_DOUBLE = (
    "CASE WHEN strlen({x}) > 15"
    " THEN abs({v}) BETWEEN 1e-290 AND 1e290 AND {v}::VARCHAR = {x}"
    " WHEN {v} >= 1 THEN {x} >= '1' AND {v} <= 1e290"
    " WHEN {v} >= 1e-290 THEN CASE WHEN {x} < '0/' THEN {x} >= '.' ELSE {x} >= '1' END"
    " WHEN {v} <= -1 THEN {x} >= '-1' AND {v} >= -1e290"
    " WHEN {v} <= -1e-290"
    " THEN CASE WHEN {x} < '-0/' THEN {x} >= '-.' ELSE {x} >= '-1' END"
    " WHEN {v} = 0 THEN {x} = '0' OR ({x} BETWEEN '0.' AND '0/'"
    " AND NOT contains({x}, 'e') AND NOT contains({x}, 'E'))"
    " ELSE false END"
)


def whole_number(signs: Signs = PLAIN, evidence: str = "") -> Rule:
    """Whole numbers of 64 bits; -0 is none, and keeps its sign as a floating one."""
    return Rule(
        "whole numbers",
        "BIGINT",
        f"-?{signs.whole}" if signs.thousands else "-?[1-9][0-9]{0,18}|0",
        f"try_cast({signs.plain('{t}')} AS BIGINT)",
        holds="{v} IS NOT NULL AND {t} <> '-0'",
        quick="try_cast({x} AS BIGINT)" if signs == PLAIN else "",
        fast="{v}::VARCHAR = {x}" if signs == PLAIN else "",
        evidence=evidence,
        note=_signs_note(signs) if signs.thousands else "",
        signs=signs if signs != PLAIN else None,
        is_number=True,
    )


def floating(signs: Signs = PLAIN, evidence: str = "") -> Rule:
    """Numbers that come back from a DOUBLE as the number that they were."""
    point = re.escape(signs.decimal)
    plain = signs.plain("{t}")
    return Rule(
        "numbers",
        "DOUBLE",
        f"-?{signs.whole}({point}[0-9]*)?{EXPONENT}|-?{point}[0-9]+{EXPONENT}"
        f"|{NON_FINITE}",
        f"try_cast({plain} AS DOUBLE)",
        holds=f"CASE WHEN isfinite({{v}}) THEN {same_number(plain)}"
        f" ELSE {IS_NON_FINITE} END",
        quick="try_cast({x} AS DOUBLE)" if signs == PLAIN else "",
        fast=_FAST_DOUBLE if signs == PLAIN else "",
        is_careless=True,
        evidence=evidence,
        note=_signs_note(signs) if signs != PLAIN else "",
        signs=signs if signs != PLAIN else None,
        is_number=True,
    )


def same_number(plain: str, values: Sequence[str] = ("{v}",)) -> str:
    """Return the condition that the text of a value has the digits of a number's."""
    texts = (_mantissa(f"{value}::VARCHAR") for value in values)
    return f"{_mantissa(plain)} IN ({', '.join(texts)})"


def decimal(scale: int, signs: Signs = PLAIN) -> Rule:
    """Numbers of up to 38 digits, `scale` of them behind the point, exactly.

    A zero with a minus would lose it.
    """
    point, plain = re.escape(signs.decimal), signs.plain("{t}")
    before = MAX_DIGITS - scale
    whole = f"(0|[1-9][0-9]{{0,{before - 1}}})" if before else "0"
    if signs.thousands and before:
        whole = signs.whole
    behind = f"{point}[0-9]{{1,{scale}}}" if scale else f"{point}"
    pattern = f"-?{whole}({point}|{behind})?"
    if scale:
        pattern += f"|-?{behind}"
    return Rule(
        "exact numbers",
        f"DECIMAL({MAX_DIGITS},{scale})",
        pattern,
        f"try_cast({plain} AS DECIMAL({MAX_DIGITS},{scale}))",
        holds="{v} IS NOT NULL AND NOT ({v} = 0 AND starts_with({t}, '-'))",
        is_number=True,
    )


def _signs_note(signs: Signs) -> str:
    note = f"read with {signs.decimal!r} before the decimals"
    return (
        f"{note} and {signs.thousands!r} between thousands" if signs.thousands else note
    )


def list_of(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(quote_literal, texts)) + "]"


FLOATING = floating()
