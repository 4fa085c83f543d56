"""The filter grammar: text to a tree of clauses.

    filter     = alternative {"OR" alternative}
    alternative= part {"AND" part}
    part       = "(" filter ")" | clause
    clause     = name comparator value | name ["NOT"] "IN" "(" text {"," text} ")"
               | name "IS" ["NOT"] "NULL"
    name       = [entity "."] key          key plain, "quoted" or `quoted`

MLflow knows AND alone; OR, IN everywhere and parentheses are our superset. What a
name means is not known here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.limits import (
    MAX_FILTER_CHARACTERS,
    MAX_FILTER_CLAUSES,
    MAX_FILTER_DEPTH,
    MAX_LIST_VALUES,
)

_TOKEN: Final = re.compile(
    r"""
    (?P<blank>\s+)
  | (?P<text>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*")
  | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
  | (?P<comparator><=|>=|!=|<>|=|<|>)
  | (?P<mark>[(),])
  | (?P<word>[^\s'"`(),=<>!.]+)
  | (?P<dot>\.)
  | (?P<tick>`[^`]*`)
    """,
    re.VERBOSE,
)
_KEYWORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "IS", "NULL", "LIKE", "ILIKE"})


@dataclass(frozen=True, slots=True)
class FilterClause:
    """`entity.key comparator value`; entity "" if none was written.

    `value` is text, a number (still as text, `is_number`), a tuple of texts for IN,
    or None for IS NULL.
    """

    entity: str
    key: str
    comparator: str
    value: str | tuple[str, ...] | None
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class All:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: "tuple[Node, ...]"


Node = FilterClause | All | AnyOf


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words


_END: Final = Token("end", "")


def parse(text: str) -> Node:
    """Return the tree of a filter; an empty one has no clause. Raises InvalidValue."""
    if len(text) > MAX_FILTER_CHARACTERS:
        raise InvalidValue(
            f"The filter is longer than {MAX_FILTER_CHARACTERS} characters."
        )
    reader = _FilterReader(text, _tokens(text))
    if reader.next.kind == "end":
        return All(())
    tree = reader.alternatives(0)
    if reader.next.kind != "end":
        raise reader.fault()
    return tree


def clauses_of(node: Node) -> Iterator[FilterClause]:
    """Yield every clause of a tree."""
    if isinstance(node, FilterClause):
        yield node
    else:
        for part in node.parts:
            yield from clauses_of(part)


class _FilterReader:
    """Recursive descent over the tokens; `next` is the one not yet taken."""

    def __init__(self, text: str, tokens: list[Token]) -> None:
        self._text, self._tokens = text, tokens
        self._place = self._clauses = 0

    @property
    def next(self) -> Token:
        in_reach = self._place < len(self._tokens)
        return self._tokens[self._place] if in_reach else _END

    def alternatives(self, depth: int) -> Node:
        if depth > MAX_FILTER_DEPTH:
            raise InvalidValue(
                f"The filter is nested deeper than {MAX_FILTER_DEPTH} levels."
            )
        parts = [self._conjunction(depth)]
        while self._take_word("OR"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def fault(self) -> InvalidValue:
        found = self.next.text or "the end"
        return InvalidValue(
            f"Invalid clause(s) in filter string: '{found}' is not expected here. "
            f"Invalid filter string: {self._text[:200]!r}"
        )

    def _conjunction(self, depth: int) -> Node:
        parts = [self._part(depth)]
        while self._take_word("AND"):
            parts.append(self._part(depth))
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _part(self, depth: int) -> Node:
        if self._take_mark("("):
            inner = self.alternatives(depth + 1)
            if not self._take_mark(")"):
                raise self.fault()
            return inner
        self._clauses += 1
        if self._clauses > MAX_FILTER_CLAUSES:
            raise InvalidValue(
                f"The filter has more than {MAX_FILTER_CLAUSES} clauses."
            )
        return self._clause()

    def _clause(self) -> FilterClause:
        entity, key = self._name()
        if self._take_word("IS"):
            word = "IS NOT NULL" if self._take_word("NOT") else "IS NULL"
            if not self._take_word("NULL"):
                raise self.fault()
            return FilterClause(entity, key, word, None)
        if self._take_word("NOT"):
            if not self._take_word("IN"):
                raise self.fault()
            return FilterClause(entity, key, "NOT IN", self._list())
        if self._take_word("IN"):
            return FilterClause(entity, key, "IN", self._list())
        comparator = self._comparator()
        value = self._take()
        if value.kind not in {"text", "number"}:
            raise InvalidValue(
                "Invalid clause(s) in filter string: Parameter value is either not "
                "quoted or unidentified quote types used for string value "
                f"{value.text}. Use either single or double quotes. (Expected a quoted "
                "string value or a number.)"
            )
        is_number = value.kind == "number"
        text = value.text if is_number else _unquoted(value.text)
        return FilterClause(entity, key, comparator, text, is_number)

    def _name(self) -> tuple[str, str]:
        """Return entity and key; a key may itself hold dots."""
        first = self._take_name()
        if self.next.kind != "dot":
            return "", first
        self._take()
        key = self._take_name()
        while self.next.kind == "dot":
            self._take()
            key = f"{key}.{self._take_name()}"
        return first, key

    def _take_name(self) -> str:
        token = self._take()
        if token.kind in {"tick", "text"}:
            return _unquoted(token.text)
        if token.kind in {"word", "number"} and token.text.upper() not in _KEYWORDS:
            return token.text
        self._place -= 1
        raise self.fault()

    def _comparator(self) -> str:
        token = self._take()
        if token.kind == "comparator":
            return "!=" if token.text == "<>" else token.text
        if token.is_word("LIKE", "ILIKE"):
            return token.text.upper()
        raise InvalidValue(
            f"Invalid comparison clause. Expected a comparator, found '{token.text}'. "
            f"Invalid filter string: {self._text[:200]!r}"
        )

    def _list(self) -> tuple[str, ...]:
        if not self._take_mark("("):
            raise self.fault()
        values: list[str] = []
        while True:
            token = self._take()
            if token.kind != "text":
                raise InvalidValue(
                    "While parsing a list in the query, expected a non-empty list of "
                    f"string values, but got ill-formed list ('{token.text}')."
                )
            values.append(_unquoted(token.text))
            if not self._take_mark(",") or self.next == Token("mark", ")"):
                break
        if not self._take_mark(")"):
            raise self.fault()
        if len(values) > MAX_LIST_VALUES:
            raise InvalidValue(f"A list has at most {MAX_LIST_VALUES} values.")
        return tuple(values)

    def _take(self) -> Token:
        token = self.next
        self._place += 1
        return token

    def _take_word(self, word: str) -> bool:
        return self.next.is_word(word) and bool(self._take())

    def _take_mark(self, mark: str) -> bool:
        return self.next == Token("mark", mark) and bool(self._take())


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise InvalidValue(
                f"Invalid clause(s) in filter string: '{text[place : place + 50]}'"
            )
        if match.lastgroup != "blank":
            tokens.append(Token(match.lastgroup or "", match.group()))
        place = match.end()
    return tokens


def _unquoted(text: str) -> str:
    """Return what stands between the quotes; a doubled quote is one."""
    inner = text[1:-1]
    return inner.replace("''", "'") if text[0] == "'" else inner
