"""Cells on their way to JSON: lossless, or visibly cut.

SQL gives every type a form that Python cannot spoil (an infinite date fetched as
`date` is silently 9999-12-31, TIMESTAMP_NS loses its nanoseconds, TIMESTAMPTZ
needs pytz); Python then counts what JSON has no word for.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from datasets.analytics.sql import Kind, TableColumn, quote_ident

MAX_SAFE_INTEGER = 2**53 - 1
CUT = "…"
INFINITIES = {math.inf: "Infinity", -math.inf: "-Infinity"}
_LISTED_CELLS = 100


@dataclass(frozen=True, slots=True)
class Cuts:
    """Truncation of long cells, before a "…": characters, bytes of binary."""

    text: int = 1_000
    binary_bytes: int = 64
    nested: int = 4_000


SHOWN = Cuts()
WHOLE = Cuts(2**31 - 2, 2**31 - 2, 2**31 - 2)


@dataclass(slots=True)
class Losses:
    """What the JSON form of some rows changes.

    The counts are exact; of the cells themselves the first 100 are named.
    """

    cuts: Cuts = SHOWN
    non_finite: int = 0
    non_finite_cells: list[tuple[int, str, str]] = field(default_factory=list)
    truncated: int = 0
    cells: list[tuple[int, str]] = field(default_factory=list)

    def cut(self, row: int, column: str) -> None:
        self.truncated += 1
        if len(self.cells) < _LISTED_CELLS:
            self.cells.append((row, column))

    def lose(self, row: int, column: str, value: str) -> None:
        """Note a NaN or an infinity, which becomes that word."""
        self.non_finite += 1
        if len(self.non_finite_cells) < _LISTED_CELLS:
            self.non_finite_cells.append((row, column, value))


def select_list(columns: Sequence[TableColumn], cuts: Cuts = SHOWN) -> str:
    """Return the SELECT list whose rows `records` turns into JSON values."""
    return ", ".join(_expression(column, cuts) for column in columns)


def _expression(column: TableColumn, cuts: Cuts) -> str:
    name, kind = quote_ident(column.name), column.kind
    if kind in {Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN}:
        return name
    if kind is Kind.TEXT:
        return f"left({name}::VARCHAR, {cuts.text + 1})"
    if kind is Kind.BINARY:
        cut = f"to_base64(({name}::BLOB)[1:{cuts.binary_bytes}])"
        return (
            f"CASE WHEN octet_length({name}::BLOB) > {cuts.binary_bytes}"
            f" THEN '+' || {cut} ELSE '=' || {cut} END"
        )
    if kind is Kind.NESTED:
        return f"left(to_json({name})::VARCHAR, {cuts.nested + 1})"
    return f"{name}::VARCHAR"


def records(
    columns: Sequence[TableColumn], rows: Sequence[Sequence[Any]], losses: Losses
) -> list[dict[str, Any]]:
    """Return rows as dictionaries of JSON values, in column order."""
    converters = [
        (index, column.name, _CONVERTERS.get(column.kind))
        for index, column in enumerate(columns)
    ]
    result = []
    for number, row in enumerate(rows):
        record: dict[str, Any] = {}
        for index, name, convert in converters:
            value = row[index]
            if value is not None and convert is not None:
                value = convert(value, losses, number, name)
            record[name] = value
        result.append(record)
    return result


def _integer(value: int, _losses: Losses, _row: int, _name: str) -> int | str:
    # JavaScript loses digits beyond 2^53, so a larger integer travels as text.
    return value if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER else str(value)


def _float(value: float, losses: Losses, row: int, name: str) -> float | str:
    """Return a number; NaN and infinities are words, null is a missing value."""
    if math.isfinite(value):
        return value
    word = INFINITIES.get(value, "NaN")
    losses.lose(row, name, word)
    return word


def _text(value: str, losses: Losses, row: int, name: str) -> str:
    if len(value) <= losses.cuts.text:
        return value
    losses.cut(row, name)
    return value[: losses.cuts.text] + CUT


def _binary(value: str, losses: Losses, row: int, name: str) -> str:
    if value[0] == "+":
        losses.cut(row, name)
        return value[1:] + CUT
    return value[1:]


def timestamp_text(value: str) -> str:
    """Return DuckDB's text of a timestamp as RFC 3339 has it, with Z where UTC is."""
    matched = re.fullmatch(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d\S*)", value)
    if matched is None:  # infinity, years beyond 9999 and before Christ
        return value
    return f"{matched[1]}T{re.sub(r'[+]00$', 'Z', matched[2])}"


def _timestamp(value: str, _losses: Losses, _row: int, _name: str) -> str:
    return timestamp_text(value)


def _nested(value: str, losses: Losses, row: int, name: str) -> Any:
    if len(value) > losses.cuts.nested:
        losses.cut(row, name)
        return value[: losses.cuts.nested] + CUT

    def constant(word: str) -> str:
        losses.lose(row, name, word)
        return word

    return json.loads(
        value, parse_float=_exact_float, parse_int=_exact_int, parse_constant=constant
    )


def _exact_float(text: str) -> float | str:
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else text


def _exact_int(text: str) -> int | str:
    number = int(text)
    return number if abs(number) <= MAX_SAFE_INTEGER else text


_CONVERTERS: dict[Kind, Callable[[Any, Losses, int, str], Any]] = {
    Kind.INTEGER: _integer,
    Kind.FLOAT: _float,
    Kind.TEXT: _text,
    Kind.BINARY: _binary,
    Kind.TIMESTAMP: _timestamp,
    Kind.NESTED: _nested,
}
