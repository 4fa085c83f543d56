"""Groups of rows with figures of each: exact, in one order, page by page.

Asked of an instance with one thread: floating sums depend on the order in which they
are added, and pages by such a sum must not overlap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets.analytics import aggregates
from datasets.analytics.aggregates import (
    COUNTS,
    NOT_FINITE,
    Aggregate,
    Compiled,
    Function,
    Ranges,
    compiled,
    left_out,
)
from datasets.analytics.cells import Losses, records, select_list
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.errors import InvalidParameter
from datasets.analytics.filters import Condition, Order, present
from datasets.analytics.ranges import ranges_of
from datasets.analytics.search import selected
from datasets.analytics.sql import (
    TEMPORAL,
    Kind,
    Source,
    Table,
    TableColumn,
    pick,
    quote_ident,
    single,
)

REVISION = 2
MAX_KEYS = 8
MAX_AGGREGATES = 50
MAX_GROUPS = 1_000
_ADDED_UP = frozenset({Function.SUM, Function.MEAN, Function.STD})


@dataclass(frozen=True, slots=True)
class Grouping:
    """A grouping: keys, aggregates, and the page of the groups.

    Without `by` all rows are one group. `order_by` names keys or labels of
    aggregates; ties are broken by the keys, so that pages part the groups.
    """

    by: Sequence[str]
    figures: Sequence[Aggregate] = field(default=(Aggregate(Function.COUNT),))
    order_by: Sequence[Order] = ()
    offset: int = 0
    limit: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_GROUPS or self.offset < 0:
            raise InvalidParameter(
                f"limit must be between 1 and {MAX_GROUPS}.", field="limit"
            )
        names = [*self.by, *(figure.label for figure in self.figures)]
        for name in names:
            if names.count(name) > 1:
                raise InvalidParameter(
                    f"{name!r} is asked for twice; give a figure another name.",
                    field="aggregates",
                )


@dataclass(frozen=True, slots=True)
class FigureColumn:
    """A figure in the answer. `is_exact` is false for what a double rounds."""

    name: str
    type: str
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The keys of a group and its figures, both ready for JSON.

    `left_out` counts, by column, NaN and infinities that the figures leave out;
    `overflowed` names sums beyond the range of a double.
    """

    key: dict[str, Any]
    values: dict[str, Any]
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    overflowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Groups:
    """A page of the groups. `total` counts all groups, `row_count` their rows.

    `truncated_cells` names up to 100 of the shortened cells as (index, column).
    """

    keys: tuple[TableColumn, ...]
    figures: tuple[FigureColumn, ...]
    groups: tuple[Group, ...]
    total: int
    row_count: int
    truncated: int = 0
    truncated_cells: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Plan:
    """A grouping with the columns that it names, as SQL."""

    request: Grouping
    keys: list[TableColumn]
    figures: list[Compiled]
    watched: list[TableColumn]
    source: str

    def grouped(self) -> str:
        """Return the SELECT that has one row for each group."""
        keys = [quote_ident(key.name) for key in self.keys]
        cells = [f"{name} AS key_{i:d}" for i, name in enumerate(keys)]
        cells += [f"{f.sql} AS value_{i:d}" for i, f in enumerate(self.figures)]
        for index, column in enumerate(self.watched):
            nan, infinite = left_out(column)
            cells += [f"{nan} AS nan_{index:d}", f"{infinite} AS inf_{index:d}"]
        # By position: a name could also mean one of the figures.
        places = ", ".join(str(index) for index in range(1, len(keys) + 1))
        group = f" GROUP BY {places}" if keys else ""
        select = ", ".join([*cells, "count(*) AS size"])
        return f"SELECT {select} FROM {self.source}{group}"  # noqa: S608 - names are quoted

    def order(self) -> str:
        parts = [part for term in self.request.order_by for part in self._term(term)]
        parts += [f"key_{index:d} ASC NULLS LAST" for index in range(len(self.keys))]
        return f" ORDER BY {', '.join(parts)}" if parts else ""

    def columns(self) -> list[TableColumn]:
        """Return what is fetched of each group, as columns of `grouped`."""
        keys = [TableColumn(f"key_{i:d}", key.type) for i, key in enumerate(self.keys)]
        return keys + [
            TableColumn(f"value_{i:d}", "VARCHAR" if figure.finish else figure.type)
            for i, figure in enumerate(self.figures)
        ]

    def _term(self, term: Order) -> list[str]:
        names = [key.name for key in self.keys]
        labels = [figure.label for figure in self.request.figures]
        direction = "DESC" if term.descending else "ASC"
        if term.column in names:
            index = names.index(term.column)
            cell = present(TableColumn(f"key_{index:d}", self.keys[index].type))
        elif term.column in labels:
            cell = f"value_{labels.index(term.column):d}"
        else:
            raise InvalidParameter(
                f"{term.column!r} is neither a key nor a figure of the groups.",
                field="order_by",
                names=[*names, *labels],
            )
        return [f"{cell} {direction} NULLS LAST"]


def group(
    table: Table,
    request: Grouping,
    conditions: Sequence[Condition] = (),
    text: str = "",
) -> Groups:
    """Return the groups of the rows that meet all conditions and hold the text.

    Raises UnknownColumn, InvalidFilter, InvalidParameter, QueryTimeout, TooHeavy or
    Busy.
    """
    with Engine.for_process(Lane.SERIAL).cursor() as cursor:
        columns, source = selected(cursor, single(table), conditions, text)
        plan = _plan(cursor, columns, source, request)
        head = (
            f"WITH grouped AS MATERIALIZED ({plan.grouped()})"  # noqa: S608
            " SELECT (SELECT count(*) FROM grouped),"
            " (SELECT coalesce(sum(size), 0) FROM grouped)"
        )
        watched = "".join(
            f", nan_{index:d}, inf_{index:d}" for index in range(len(plan.watched))
        )
        chosen = plan.columns()
        cells = f", {select_list(chosen)}" if chosen else ""
        found = cursor.rows(
            f"{head}{watched}{cells} FROM grouped{plan.order()}"
            f" LIMIT {request.limit:d} OFFSET {request.offset:d}",
            source.parameters,
        )
        sizes = found[0][:2] if found else cursor.row(head, source.parameters)
    return _answer(plan, [row[2:] for row in found], sizes)


def _plan(
    cursor: Cursor, columns: list[TableColumn], source: Source, request: Grouping
) -> _Plan:
    keys = pick(columns, request.by, field="by")
    for key in keys:
        if key.kind not in aggregates.ORDERED:
            raise InvalidParameter(
                f"Rows cannot be grouped by {key.name!r}: it holds {key.kind} values.",
                field="by",
            )
    of: list[TableColumn | None] = []
    for figure in request.figures:
        named = None if figure.column is None else [figure.column]
        column = pick(columns, named, field="aggregates")[0] if named else None
        aggregates.check(figure, column)
        of.append(column)
    added = {
        column.name: column
        for figure, column in zip(request.figures, of, strict=True)
        if column is not None and figure.function in _ADDED_UP
    }
    ranges, relation = ranges_of(cursor, source, keys, added.values())
    figures = [
        compiled(
            figure, column, ranges.get(column.name, Ranges()) if column else Ranges()
        )
        for figure, column in zip(request.figures, of, strict=True)
    ]
    return _Plan(request, keys, figures, _watched(request, of), relation)


def _watched(request: Grouping, of: Sequence[TableColumn | None]) -> list[TableColumn]:
    """Return the columns of which a figure leaves out what is not finite."""
    found = {
        column.name: column
        for figure, column in zip(request.figures, of, strict=True)
        if column is not None
        and figure.function not in COUNTS | NOT_FINITE
        and (column.kind is Kind.FLOAT or column.kind in TEMPORAL)
    }
    return list(found.values())


def _answer(plan: _Plan, rows: list[tuple[Any, ...]], sizes: tuple[Any, ...]) -> Groups:
    labels = [figure.label for figure in plan.request.figures]
    watched, losses = 2 * len(plan.watched), Losses()
    chosen = plan.columns()
    shown = records(chosen, [row[watched:] for row in rows], losses)
    names = [*(key.name for key in plan.keys), *labels]
    by_name = {column.name: name for column, name in zip(chosen, names, strict=True)}
    found = []
    for row, record in zip(rows, shown, strict=True):
        cells = list(record.values())
        values = dict(zip(labels, cells[len(plan.keys) :], strict=True))
        for label, figure in zip(labels, plan.figures, strict=True):
            if figure.finish and values[label] is not None:
                values[label] = figure.finish(values[label])
        found.append(
            Group(
                key={k.name: c for k, c in zip(plan.keys, cells, strict=False)},
                values=values,
                left_out=_left_out(plan.watched, row[:watched]),
                overflowed=_overflowed(plan, values),
            )
        )
    return Groups(
        keys=tuple(plan.keys),
        figures=tuple(
            FigureColumn(label, figure.shown_type, figure.is_exact)
            for label, figure in zip(labels, plan.figures, strict=True)
        ),
        groups=tuple(found),
        total=int(sizes[0]),
        row_count=int(sizes[1]),
        truncated=losses.truncated,
        truncated_cells=tuple((row, by_name[name]) for row, name in losses.cells),
    )


def _left_out(
    watched: Sequence[TableColumn], counts: Sequence[int]
) -> dict[str, dict[str, int]]:
    return {
        column.name: {"nan": counts[2 * index], "infinite": counts[2 * index + 1]}
        for index, column in enumerate(watched)
        if counts[2 * index] or counts[2 * index + 1]
    }


def _overflowed(plan: _Plan, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the figures that overflow a double, though all values are finite."""
    return tuple(
        label
        for (label, value), figure in zip(values.items(), plan.figures, strict=True)
        if figure.type == "DOUBLE" and isinstance(value, str)
    )
