"""Arithmetic over the columns of a table, and nothing else.

    sum     = product { ("+" | "-") product }
    product = signed { ("*" | "/") signed }
    signed  = [ "+" | "-" ] signed | number | column | "(" sum ")"

A column is a bare word or, with any other character in its name, in double quotes
(doubled inside). SQL is written from the parsed tree, never from the text, and has
only what the tree can hold: columns, numbers, four operators. It is reckoned in
double precision: a division by zero is an infinity or NaN, a missing value stays
missing.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from datasets.analytics.errors import InvalidExpression
from datasets.analytics.sql import (
    NUMERIC,
    Source,
    Table,
    TableColumn,
    quote_ident,
    source_of,
)

LONGEST = 1000
DEEPEST = 50
VALUE = "value"
"""How the one column of a computed table is called."""

_TOKENS = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(?![\w"])
      | (?P<word>[^\W\d]\w*)
      | "(?P<quoted>(?:[^"]|"")+)"
      | (?P<sign>[-+*/()])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class ColumnName:
    name: str


@dataclass(frozen=True, slots=True)
class Negative:
    of: "Node"


@dataclass(frozen=True, slots=True)
class Operation:
    operator: str
    left: "Node"
    right: "Node"


Node = Number | ColumnName | Negative | Operation


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed formula; `columns` are the names it uses, in the order of the text."""

    tree: Node

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_names(self.tree)))

    def sql(self, columns: Sequence[TableColumn]) -> str:
        """Return the formula for a table of these columns, as SQL of type DOUBLE.

        Raises InvalidExpression for a column that is not there or no number.
        """
        kinds = {column.name: column for column in columns}
        for name in self.columns:
            if name not in kinds:
                raise InvalidExpression(f"There is no column {name!r}.")
            if kinds[name].kind not in NUMERIC:
                raise InvalidExpression(
                    f"{name!r} is {kinds[name].type}; it takes numbers only."
                )
        return _sql(self.tree)


def parse(text: str) -> Expression:
    """Parse a formula. Raises InvalidExpression, with the position."""
    if len(text) > LONGEST:
        raise InvalidExpression(f"A formula has at most {LONGEST} characters.")
    reader = _Reader(text)
    tree = reader.sum(0)
    reader.require_end()
    found = Expression(tree)
    if not found.columns:
        raise InvalidExpression("A formula has to use a column.")
    return found


def computed(
    table: Table, formula: Expression, columns: Sequence[TableColumn]
) -> Source:
    """Return a table of one column, VALUE: the formula of each row."""
    select = f"{formula.sql(columns)} AS {quote_ident(VALUE)}"
    return replace(source_of(table), select=select)


class _Reader:
    """A recursive descent parser over the tokens of a formula."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text.rstrip(), 0

    def sum(self, depth: int) -> Node:
        found = self._product(depth)
        while operator := self._sign("+-"):
            found = Operation(operator, found, self._product(depth))
        return found

    def require_end(self) -> None:
        if self._at < len(self._text):
            raise self._unexpected()

    def _product(self, depth: int) -> Node:
        found = self._signed(depth)
        while operator := self._sign("*/"):
            found = Operation(operator, found, self._signed(depth))
        return found

    def _signed(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise InvalidExpression(f"A formula nests at most {DEEPEST} deep.")
        if sign := self._sign("+-"):
            inner = self._signed(depth + 1)
            return Negative(inner) if sign == "-" else inner
        if self._sign("("):
            inner = self.sum(depth + 1)
            if not self._sign(")"):
                raise self._unexpected()
            return inner
        return self._leaf()

    def _leaf(self) -> Node:
        match = _TOKENS.match(self._text, self._at)
        if match is None or match["sign"]:
            raise self._unexpected()
        self._at = match.end()
        if match["number"]:
            value = float(match["number"])
            if not math.isfinite(value):
                raise InvalidExpression(f"{match['number']} is beyond a double.")
            return Number(value)
        if match["quoted"]:
            return ColumnName(match["quoted"].replace('""', '"'))
        return ColumnName(match["word"])

    def _sign(self, wanted: str) -> str:
        """Take one of these signs if it comes next; else return nothing."""
        match = _TOKENS.match(self._text, self._at)
        if match is None or not match["sign"] or match["sign"] not in wanted:
            return ""
        self._at = match.end()
        return match["sign"]

    def _unexpected(self) -> InvalidExpression:
        rest = self._text[self._at :].lstrip()
        if not rest:
            return InvalidExpression("The formula ends too early.")
        position = len(self._text) - len(rest) + 1
        return InvalidExpression(
            f"{rest[:20]!r} at character {position} is not understood: a formula has"
            " columns, numbers, + - * / and parentheses; names with other characters"
            " stand in double quotes.",
            position=position,
        )


def _names(tree: Node) -> Iterable[str]:
    if isinstance(tree, ColumnName):
        yield tree.name
    elif isinstance(tree, Negative):
        yield from _names(tree.of)
    elif isinstance(tree, Operation):
        yield from _names(tree.left)
        yield from _names(tree.right)


def _sql(tree: Node) -> str:
    if isinstance(tree, Number):
        return f"{tree.value!r}::DOUBLE"
    if isinstance(tree, ColumnName):
        return f"{quote_ident(tree.name)}::DOUBLE"
    if isinstance(tree, Negative):
        return f"(-({_sql(tree.of)}))"
    return f"({_sql(tree.left)} {tree.operator} {_sql(tree.right)})"
