"""Aggregates over the rows of a group, as SQL.

Sums of whole numbers and decimals are exact, whatever they come to. Figures of
floating columns and of times are over finite values; what is left out is counted.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from datasets.analytics.errors import InvalidParameter
from datasets.analytics.filters import present
from datasets.analytics.sql import (
    NUMERIC,
    TEMPORAL,
    Kind,
    TableColumn,
    count_where,
    quote_ident,
)

# A sum of so many digits in 2^31 rows fits the 38 digits that DuckDB adds up in.
_ADDED_DIGITS = 18
WIDEST = frozenset({"HUGEINT", "UHUGEINT", "BIGNUM"})


class Function(StrEnum):
    COUNT = "count"
    DISTINCT = "distinct"
    MISSING = "missing"
    NAN = "nan"
    INFINITE = "infinite"
    SUM = "sum"
    MEAN = "mean"
    STD = "std"
    MIN = "min"
    MAX = "max"
    MEDIAN = "median"
    QUANTILE = "quantile"


COUNTS = frozenset({Function.COUNT, Function.MISSING, Function.DISTINCT})
NOT_FINITE = frozenset({Function.NAN, Function.INFINITE})
ORDERED = NUMERIC | TEMPORAL | {Kind.TIME, Kind.TEXT, Kind.BOOLEAN}
_ADDED = NUMERIC | {Kind.BOOLEAN}
_ALLOWED: Mapping[Function, frozenset[Kind]] = {
    Function.NAN: frozenset({Kind.FLOAT}),
    Function.INFINITE: frozenset({Kind.FLOAT}) | TEMPORAL,
    Function.SUM: _ADDED,
    Function.MEAN: _ADDED,
    Function.STD: NUMERIC,
    Function.MIN: ORDERED,
    Function.MAX: ORDERED,
    Function.MEDIAN: NUMERIC | TEMPORAL,
    Function.QUANTILE: NUMERIC | TEMPORAL,
}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One figure per group; `column` is None for a row count.

    `fraction` is that of a quantile, in [0, 1].
    """

    function: Function
    column: str | None = None
    fraction: float | None = None
    name: str = ""

    @property
    def label(self) -> str:
        """Return the name in the answer: the given one, or as in `sum(price)`."""
        if self.name or self.column is None:
            return self.name or self.function.value
        of = "" if self.fraction is None else f", {self.fraction:g}"
        return f"{self.function.value}({self.column}{of})"


@dataclass(frozen=True, slots=True)
class Compiled:
    """An aggregate as SQL: its result has `type`, clients see `shown_type`.

    `is_exact` says that the result is not rounded. `finish` converts DuckDB's value to
    JSON where the type alone does not say how.
    """

    sql: str
    type: str
    shown_type: str
    is_exact: bool = True
    finish: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Ranges:
    """SQL that keeps sums of a column within range.

    Exact numbers are offset by `lowest`, a value near those of the group. Floats are
    divided by `scale`, the largest magnitude of the group.
    """

    lowest: str = ""
    scale: str = ""


def check(aggregate: Aggregate, column: TableColumn | None) -> None:
    """Raise InvalidParameter unless the aggregate applies to the column."""
    function = aggregate.function
    if column is None:
        if function is not Function.COUNT:
            raise InvalidParameter(f"{function} needs a column.", field="aggregates")
        return
    allowed = _ALLOWED.get(function)
    if allowed is not None and column.kind not in allowed:
        raise InvalidParameter(
            f"{column.name!r} holds {column.kind} values; {function} is not one of "
            "their figures.",
            field="aggregates",
        )
    if (function is Function.QUANTILE) != (aggregate.fraction is not None):
        raise InvalidParameter(
            "A quantile, and nothing else, needs a fraction.", field="aggregates"
        )


def finite(column: TableColumn) -> str:
    """Return the column where it is finite, as SQL."""
    name = quote_ident(column.name)
    if column.kind is Kind.FLOAT or column.kind in TEMPORAL:
        return f"CASE WHEN isfinite({name}) THEN {name} END"
    return name


def exact(column: TableColumn) -> str:
    """Return whole numbers or decimals as SQL of a type that holds differences too."""
    name = quote_ident(column.name)
    return f"{name}::HUGEINT" if column.kind is Kind.INTEGER else name


def compiled(
    aggregate: Aggregate, column: TableColumn | None, ranges: Ranges
) -> Compiled:
    """Return the SQL of an aggregate that passed `check`."""
    function = aggregate.function
    if column is None:
        return _whole("count(*)")
    match function:
        case Function.SUM:
            found = _sum(column, ranges)
        case Function.MEAN:
            found = _inexact(_mean(column, ranges))
        case Function.STD:
            found = _inexact(_std(column, ranges))
        case Function.MIN | Function.MAX:
            value = f"{function.value}({finite(column)})"
            found = Compiled(value, column.type, column.type)
        case Function.MEDIAN:
            found = _quantile(column, 0.5)
        case Function.QUANTILE:
            found = _quantile(column, aggregate.fraction or 0.0)
        case _:
            found = _whole(_count(function, column))
    return found


def left_out(column: TableColumn) -> tuple[str, str]:
    """Return SQL that counts the NaN and the infinities that `finite` excludes."""
    name = quote_ident(column.name)
    if column.kind is Kind.FLOAT:
        return count_where(f"isnan({name})"), count_where(f"isinf({name})")
    return "0", count_where(f"NOT isfinite({name})")


def _whole(sql: str) -> Compiled:
    return Compiled(sql, "HUGEINT", "BIGINT")


def _inexact(sql: str) -> Compiled:
    return Compiled(sql, "DOUBLE", "DOUBLE", is_exact=False)


def _count(function: Function, column: TableColumn) -> str:
    name = quote_ident(column.name)
    match function:
        case Function.COUNT:
            return f"count({name})"
        case Function.MISSING:
            return count_where(f"{name} IS NULL")
        case Function.DISTINCT:
            return f"count(DISTINCT {present(column)})"
        case Function.NAN:
            return left_out(column)[0]
        case _:
            return left_out(column)[1]


def _sum(column: TableColumn, ranges: Ranges) -> Compiled:
    name = quote_ident(column.name)
    if column.kind is Kind.FLOAT:
        return _inexact(_float("fsum", column, ranges))
    decimal = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.type)
    if decimal is None and column.type not in WIDEST:
        number = f"{name}::INTEGER" if column.kind is Kind.BOOLEAN else name
        return Compiled(f"sum({number})", "HUGEINT", "HUGEINT")
    width, scale = (int(decimal[1]), int(decimal[2])) if decimal else (0, 0)
    if decimal and width <= _ADDED_DIGITS:
        shown = f"DECIMAL(38,{scale})"
        return Compiled(f"sum({name})", shown, shown)
    # 38 digits may not hold the sum: added up as whole numbers without a bound.
    digits = f"replace({name}::VARCHAR, '.', '')::BIGNUM"
    shown = f"DECIMAL(38,{scale})" if decimal else "BIGNUM"
    finish = partial(_pointed, scale=scale)
    return Compiled(f"sum({digits})", "BIGNUM", shown, finish=finish)


def _pointed(digits: str, scale: int) -> str:
    """Return the digits with a point before the last `scale` of them."""
    sign, digits = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    digits = digits.rjust(scale + 1, "0")
    point = len(digits) - scale
    return sign + digits[:point] + (f".{digits[point:]}" if scale else "")


def _mean(column: TableColumn, ranges: Ranges) -> str:
    name = quote_ident(column.name)
    if column.kind is Kind.BOOLEAN:
        return f"avg({name}::INTEGER)"
    if column.kind is Kind.INTEGER and column.type not in WIDEST:
        return f"avg({name})"
    return _float("favg", column, ranges)


def _std(column: TableColumn, ranges: Ranges) -> str:
    """Return the sample standard deviation (n - 1).

    Exact numbers are offset first: a double does not hold long ones.
    """
    if ranges.lowest:
        number = exact(column)
        return f"stddev_samp(({number} - {ranges.lowest})::DOUBLE)"
    return _float("stddev_samp", column, ranges)


def _float(function: str, column: TableColumn, ranges: Ranges) -> str:
    """Return a figure of finite doubles, by the largest of the group if need be."""
    value = f"({finite(column)})::DOUBLE"
    if not ranges.scale:
        return f"{function}({value})"
    return f"{function}({value} / {ranges.scale}) * any_value({ranges.scale})"


def _quantile(column: TableColumn, fraction: float) -> Compiled:
    value, fraction_sql = finite(column), f"{fraction!r}::DOUBLE"
    if column.kind in TEMPORAL:
        return Compiled(
            f"quantile_disc({value}, {fraction_sql})", column.type, column.type
        )
    return _inexact(f"quantile_cont(({value})::DOUBLE, {fraction_sql})")
