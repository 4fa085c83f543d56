"""Cramér's V between categories, the correlation ratio of numbers by category."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

from datasets.analytics.drift.divergence import contingency
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.sql import (
    NUMERIC,
    Kind,
    Source,
    Table,
    TableColumn,
    pick,
    quote_ident,
    source_of,
)
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import numpy as np
else:
    np = lazy_import("numpy")

REVISION = 1
MAX_CATEGORIES = 100
MAX_CATEGORICAL = 30
MIN_ROWS = 3

_CATEGORICAL = frozenset({Kind.TEXT, Kind.BOOLEAN})
# Squares of larger numbers overflow in a sum of squares.
_LARGEST = "1e150"


class Measure(StrEnum):
    CRAMERS_V = "cramers_v"
    CORRELATION_RATIO = "correlation_ratio"


@dataclass(frozen=True, slots=True)
class AssociationPair:
    """The strength of an association in [0, 1], over `n` common rows.

    For the correlation ratio `feature1` is the category and `feature2` the number.
    """

    feature1: str
    feature2: str
    measure: Measure
    value: float
    n: int


@dataclass(frozen=True, slots=True)
class UndefinedAssociation:
    feature1: str
    feature2: str
    reason: str
    n: int


@dataclass(frozen=True, slots=True)
class Association:
    """All pairs with at least one categorical column, pairwise without gaps.

    `excluded` names the columns that take no part: text of more than 100 categories
    (`too_many_categories`), categories beyond the 30th such column
    (`too_many_columns`), times and nested values (`unsupported`).
    """

    pairs: tuple[AssociationPair, ...]
    undefined: tuple[UndefinedAssociation, ...]
    excluded: tuple[tuple[str, str], ...]


def associate(table: Table, columns: Sequence[str] | None = None) -> Association:
    """Return the associations of categorical columns with each other and numbers.

    Raises UnknownColumn, QueryTimeout or Busy.
    """
    source = source_of(table)
    with Engine.for_process(Lane.HEAVY).cursor() as cursor:
        chosen = pick(cursor.columns(source), columns, field="columns")
        categorical, excluded = _categorical(cursor, source, chosen)
        numeric = [column for column in chosen if column.kind in NUMERIC]
        found: list[AssociationPair | UndefinedAssociation] = []
        for first, second in combinations(categorical, 2):
            found.append(_cramers_v(cursor, source, first, second))
        for category in categorical:
            found += _correlation_ratios(cursor, source, category, numeric)
    return Association(
        tuple(pair for pair in found if isinstance(pair, AssociationPair)),
        tuple(pair for pair in found if isinstance(pair, UndefinedAssociation)),
        tuple(excluded),
    )


def _categorical(
    cursor: Cursor, source: Source, columns: Sequence[TableColumn]
) -> tuple[list[TableColumn], list[tuple[str, str]]]:
    kept: list[TableColumn] = []
    excluded: list[tuple[str, str]] = []
    for column in columns:
        if column.kind in NUMERIC:
            continue
        if column.kind not in _CATEGORICAL:
            excluded.append((column.name, "unsupported"))
        elif len(kept) >= MAX_CATEGORICAL:
            excluded.append((column.name, "too_many_columns"))
        elif _categories(cursor, source, column) > MAX_CATEGORIES:
            excluded.append((column.name, "too_many_categories"))
        else:
            kept.append(column)
    return kept, excluded


def _categories(cursor: Cursor, source: Source, column: TableColumn) -> int:
    (count,) = cursor.row(
        f"SELECT approx_count_distinct({quote_ident(column.name)}) FROM {source.sql}",  # noqa: S608
        source.parameters,
    )
    return int(count)


def _cramers_v(
    cursor: Cursor, source: Source, first: TableColumn, second: TableColumn
) -> AssociationPair | UndefinedAssociation:
    a, b = quote_ident(first.name), quote_ident(second.name)
    rows = cursor.rows(
        f"SELECT {a}, {b}, count(*) FROM {source.sql}"  # noqa: S608 - names are quoted
        f" WHERE {a} IS NOT NULL AND {b} IS NOT NULL GROUP BY ALL",
        source.parameters,
    )
    across = {value: index for index, value in enumerate({row[0] for row in rows})}
    down = {value: index for index, value in enumerate({row[1] for row in rows})}
    table = np.zeros((len(across), len(down)))
    for left, right, count in rows:
        table[across[left], down[right]] = count
    n = int(table.sum())
    if n < MIN_ROWS:
        return UndefinedAssociation(first.name, second.name, "too_few_pairs", n)
    if min(table.shape) == 1:
        return UndefinedAssociation(first.name, second.name, "constant", n)
    value = contingency(table)[2]
    return AssociationPair(first.name, second.name, Measure.CRAMERS_V, value, n)


def _correlation_ratios(
    cursor: Cursor,
    source: Source,
    category: TableColumn,
    numeric: Sequence[TableColumn],
) -> list[AssociationPair | UndefinedAssociation]:
    """Return eta of every number by one category, in one grouped query."""
    if not numeric:
        return []
    name = quote_ident(category.name)
    select = ", ".join(_moments(column) for column in numeric)
    rows = cursor.rows(
        f"SELECT {select} FROM {source.sql} WHERE {name} IS NOT NULL GROUP BY {name}",  # noqa: S608
        source.parameters,
    )
    found: list[AssociationPair | UndefinedAssociation] = []
    for index, column in enumerate(numeric):
        groups = [row[3 * index : 3 * index + 3] for row in rows if row[3 * index]]
        found.append(_eta(category.name, column.name, groups))
    return found


def _moments(column: TableColumn) -> str:
    # As a double first: abs() of the least number of an integer type is none of it.
    number = f"{quote_ident(column.name)}::DOUBLE"
    value = f"CASE WHEN abs({number}) < {_LARGEST} THEN {number} END"
    return f"count({value}), avg({value}), var_pop({value})"


def _eta(
    category: str, number: str, groups: Sequence[Sequence[float]]
) -> AssociationPair | UndefinedAssociation:
    n = int(sum(group[0] for group in groups))
    if n < MIN_ROWS:
        return UndefinedAssociation(category, number, "too_few_pairs", n)
    counts, means, variances = np.array(groups, dtype=np.float64).T
    middle = (counts @ means) / n
    between = counts @ (means - middle) ** 2
    total = between + counts @ variances
    grid = 8 * np.finfo(np.float64).eps * abs(middle)
    if total <= n * grid**2 or len(groups) < 2:  # noqa: PLR2004 - two groups differ
        return UndefinedAssociation(category, number, "constant", n)
    value = float(np.sqrt(np.clip(between / total, 0.0, 1.0)))
    return AssociationPair(category, number, Measure.CORRELATION_RATIO, value, n)
