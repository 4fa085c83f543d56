"""Rows of a table: the first, random or stratified ones, pages, filters, search.

Pages by offset are stable because a version never changes and every order, also
that of a filter without one, ends with the row's position in the file.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from datasets.analytics.cells import SHOWN, Cuts, Losses, records, select_list
from datasets.analytics.engine import Cursor, Engine
from datasets.analytics.errors import InvalidParameter
from datasets.analytics.filters import (
    Clause,
    Condition,
    Order,
    compile_filter,
    compile_order,
)
from datasets.analytics.search import matching
from datasets.analytics.sql import (
    ROW_NUMBER,
    Source,
    Table,
    TableColumn,
    pick,
    quote_ident,
    single,
)

MAX_ROWS = 1_000
MAX_CELL = 1_000_000
"""Characters of one cell, or bytes of a binary one, that are given at once."""


class SampleMethod(StrEnum):
    FIRST = "first"
    RANDOM = "random"
    STRATIFIED = "stratified"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows ready for JSON, with what that form does not show.

    `total` counts the rows that could be paged through (exact). `non_finite` is
    how many NaN and infinities became words; `non_finite_cells` names up to 100 of
    them as (index in `rows`, column, value). `truncated_cells` names up to 100 of
    the `truncated` shortened cells, which end with "…". `numbers` are the positions
    of the rows in the file, from 0.
    """

    columns: tuple[TableColumn, ...]
    rows: list[dict[str, Any]]
    total: int
    offset: int = 0
    non_finite: int = 0
    non_finite_cells: tuple[tuple[int, str, str], ...] = ()
    truncated: int = 0
    truncated_cells: tuple[tuple[int, str], ...] = ()
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Which columns and which stretch of the rows. `limit` is at most 1,000."""

    offset: int = 0
    limit: int = 100
    columns: Sequence[str] | None = None
    order_by: Sequence[Order] = field(default=())

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_ROWS:
            raise InvalidParameter(
                f"limit must be between 1 and {MAX_ROWS}.", field="limit"
            )
        if self.offset < 0:
            raise InvalidParameter("offset must not be negative.", field="offset")


def page(table: Table, window: Window, conditions: Sequence[Condition] = ()) -> Rows:
    """Return a stretch of the rows that meet all conditions.

    Raises UnknownColumn, InvalidFilter, QueryTimeout, TooHeavy or Busy.
    """
    source = single(table)
    with Engine.for_process().cursor() as cursor:
        columns = cursor.columns(source)
        where = compile_filter(columns, conditions)
        return _page(cursor, source, columns, where, window)


def search(
    table: Table, text: str, window: Window, conditions: Sequence[Condition] = ()
) -> Rows:
    """Return rows where any text column contains the text, whatever its case.

    A number, date or truth value also matches where a cell equals it exactly. All
    conditions hold for them besides.
    """
    source = single(table)
    with Engine.for_process().cursor() as cursor:
        columns = cursor.columns(source)
        where = compile_filter(columns, conditions)
        found = matching(where, columns, text)
        where.sql = f"{where.sql} AND {found}" if where.sql else f" WHERE {found}"
        return _page(cursor, source, columns, where, window)


def cell(table: Table, number: int, column: str) -> Rows:
    """Return one cell, of the row at a position in the file, as rows of one cell.

    No row where the file has none there. It is whole, unless it is longer than
    MAX_CELL; then it is the one of `truncated_cells`.
    """
    source = single(table)
    with Engine.for_process().cursor() as cursor:
        shown = pick(cursor.columns(source), [column], field="column")
        cuts = Cuts(MAX_CELL, MAX_CELL, MAX_CELL)
        found = cursor.rows(
            f"SELECT {select_list(shown, cuts)} FROM {source.numbered_sql}"  # noqa: S608
            f" WHERE {ROW_NUMBER} = $number",
            source.parameters | {"number": number},
        )
        return _answer(shown, found, [number] * len(found), len(found), cuts)


def sample(
    table: Table,
    window: Window,
    *,
    method: SampleMethod = SampleMethod.FIRST,
    seed: int = 0,
    stratify_by: str | None = None,
) -> Rows:
    """Return up to `window.limit` rows; the same seed gives the same rows.

    Random and stratified rows come in file order. A stratified sample takes from
    each value of `stratify_by` in proportion, and at least one while there is
    room. `total` is the number of rows sampled from.
    """
    if method is SampleMethod.FIRST:
        return page(table, window)
    if method is SampleMethod.STRATIFIED and stratify_by is None:
        raise InvalidParameter("A stratified sample needs a column.", field="by")
    source = single(table)
    with Engine.for_process().cursor() as cursor:
        columns = cursor.columns(source)
        total = _count(cursor, source, Clause())
        rng = random.Random(seed)  # noqa: S311 - a repeatable sample, not a secret
        if method is SampleMethod.RANDOM:
            chosen = rng.sample(range(total), min(window.limit, total))
        else:
            by = pick(columns, [stratify_by or ""], field="by")[0]
            chosen = _stratified(cursor, source, by, window.limit, rng)
        shown = pick(columns, window.columns, field="columns")
        return _by_number(cursor, source, shown, sorted(chosen), total)


def _page(
    cursor: Cursor,
    source: Source,
    columns: list[TableColumn],
    where: Clause,
    window: Window,
) -> Rows:
    shown = pick(columns, window.columns, field="columns")
    if not window.order_by and not where.sql:
        total = _count(cursor, source, where)
        last = min(window.offset + window.limit, total)
        numbers = list(range(window.offset, last))
    else:
        numbers, total = _found(cursor, source, columns, where, window)
    found = _by_number(cursor, source, shown, numbers, total)
    return replace(found, offset=window.offset)


def _found(
    cursor: Cursor,
    source: Source,
    columns: list[TableColumn],
    where: Clause,
    window: Window,
) -> tuple[list[int], int]:
    """Return the positions of a page, and how many rows there are to page through.

    By the few columns that decide: the others are read for the chosen rows only.
    """
    order = compile_order(columns, window.order_by, tie_breaker=ROW_NUMBER)
    found = cursor.rows(
        f"SELECT {ROW_NUMBER} FROM {source.numbered_sql}{where.sql}{order}"  # noqa: S608
        f" LIMIT {window.limit:d} OFFSET {window.offset:d}",
        source.parameters | where.parameters,
    )
    is_end = len(found) < window.limit and (found or not window.offset)
    # Another look at every row, to count them, is needed before the end only.
    total = window.offset + len(found) if is_end else _count(cursor, source, where)
    return [row[0] for row in found], total


def _count(cursor: Cursor, source: Source, where: Clause) -> int:
    counted = cursor.row(
        f"SELECT count(*) FROM {source.sql}{where.sql}",  # noqa: S608
        source.parameters | where.parameters,
    )
    return int(counted[0])


def _by_number(
    cursor: Cursor,
    source: Source,
    shown: list[TableColumn],
    numbers: list[int],
    total: int,
) -> Rows:
    if not numbers:
        return _answer(shown, [], [], total)
    fetched = cursor.rows(
        f"SELECT {ROW_NUMBER}, {select_list(shown)} FROM {source.numbered_sql}"  # noqa: S608
        f" WHERE {ROW_NUMBER} BETWEEN $lowest AND $highest"
        f" AND {ROW_NUMBER} IN (SELECT unnest($numbers::BIGINT[]))",
        source.parameters
        | {"numbers": numbers, "lowest": min(numbers), "highest": max(numbers)},
    )
    position = {number: index for index, number in enumerate(numbers)}
    fetched.sort(key=lambda row: position[row[0]])
    found = [row[0] for row in fetched]
    return _answer(shown, [row[1:] for row in fetched], found, total)


def _answer(
    shown: list[TableColumn],
    fetched: Sequence[Sequence[Any]],
    numbers: Sequence[int],
    total: int,
    cuts: Cuts = SHOWN,
) -> Rows:
    losses = Losses(cuts)
    rows = records(shown, fetched, losses)
    return Rows(
        columns=tuple(shown),
        rows=rows,
        total=total,
        non_finite=losses.non_finite,
        non_finite_cells=tuple(losses.non_finite_cells),
        truncated=losses.truncated,
        truncated_cells=tuple(losses.cells),
        numbers=tuple(numbers),
    )


def _stratified(
    cursor: Cursor, source: Source, by: TableColumn, limit: int, rng: random.Random
) -> list[int]:
    # One row of every stratum first, then the rest in proportion to its size: the
    # k-th of n shuffled rows of a stratum has the rank k/n, and the lowest win.
    name = quote_ident(by.name)
    chosen = cursor.rows(
        f"SELECT number FROM (SELECT number, row_number() OVER"  # noqa: S608
        f" (PARTITION BY stratum ORDER BY hash(number + $seed), number) AS place,"
        f" count(*) OVER (PARTITION BY stratum) AS size FROM"
        f" (SELECT {ROW_NUMBER} AS number, {name} AS stratum"
        f" FROM {source.numbered_sql}))"
        f" ORDER BY place > 1, (place - 0.5) / size, hash(number + $seed), number"
        f" LIMIT {limit:d}",
        source.parameters | {"seed": rng.getrandbits(31)},
    )
    return [row[0] for row in chosen]


__all__ = [
    "Condition",
    "Order",
    "Rows",
    "SampleMethod",
    "Window",
    "cell",
    "page",
    "sample",
    "search",
]
