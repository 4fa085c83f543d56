"""Searching runs: three ways to the same page, the cheapest is taken.

*Gather*: where some clause, or the experiments, leave few runs, take those and sort
them. *Walk*: else go along the index of the first sort key and stop when the page is
full; by metric over (key, is_nan, value, run), in three phases (values, NaN, runs
without the metric). *Sort*: else (a sort by text) let the database sort all.

The next page starts after the last row's sort values (a keyset), never at an offset.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from lifecycle.mlflow import tokens
from lifecycle.mlflow.fastpath.children import Children, children_of
from lifecycle.mlflow.messages.runs import COLUMNS, TABLES, RunRow, run_message
from lifecycle.mlflow.search.order import OrderKey
from lifecycle.mlflow.search.run_clauses import (
    Keys,
    candidates,
    condition,
    entity_of,
    known_keys,
)
from lifecycle.mlflow.search.run_order import Sorting, newest, sorting
from lifecycle.mlflow.search.sql import Sql, is_sqlite, joined, keyset, within
from lifecycle.mlflow.search.syntax import All, FilterClause, Node, clauses_of

FEW: Final = 1000
_COLUMN_COUNT: Final = 12
_WITHOUT: Final = 2  # the phase of runs without the metric
_STAGE: Final = {
    "ACTIVE_ONLY": Sql("r.deleted_ms IS NULL AND e.deleted_at IS NULL"),
    "DELETED_ONLY": Sql("r.deleted_ms IS NOT NULL OR e.deleted_at IS NOT NULL"),
    "ALL": Sql("1 = 1"),
}
Row = tuple[Any, ...]
Page = tuple[list[dict[str, Any]], str]


@dataclass(frozen=True, slots=True)
class RunSearch:
    """The parsed search: experiments, filter, order, page size, cursor."""

    experiments: Sequence[int]
    view: str
    tree: Node
    order: list[OrderKey]
    limit: int
    token: str = ""
    info_only: bool = False


def search_runs(cursor: CursorWrapper, wanted: RunSearch) -> Page:
    """Return Run messages and the token of the next page, "" at the end.

    Raises InvalidValue for a filter or order that is none.
    """
    keys = known_keys(cursor, _names(wanted))
    plan = _SearchPlan(cursor, wanted, keys)
    kind = plan.kind()
    place = tokens.unseal(kind, wanted.token) if wanted.token else None
    rows = plan.rows(place)
    following = ""
    if len(rows) > wanted.limit:
        rows = rows[: wanted.limit]
        following = tokens.seal(kind, list(rows[-1][_COLUMN_COUNT:]))
    return _messages(cursor, rows, info_only=wanted.info_only), following


class _SearchPlan:
    def __init__(self, cursor: CursorWrapper, wanted: RunSearch, keys: Keys) -> None:
        self._cursor, self._wanted, self._keys = cursor, wanted, keys
        self._sorting = sorting(wanted.order, keys)
        self._filter = condition(wanted.tree, keys)
        self._here = within("r.experiment_id", list(wanted.experiments))

    def kind(self) -> str:
        """Return what a token is good for: this order in these experiments."""
        columns = ";".join(f"{text}:{down}" for text, down in self._sorting.columns)
        return f"runs:{sorted(self._wanted.experiments)}:{columns}"

    def rows(self, place: list[Any] | None) -> list[Row]:
        if not self._wanted.experiments:
            return []
        if self._is_few(_runs_of(self._wanted.experiments)):
            return self._sorted(self._here, place)
        if (few := self._few_candidates()) is not None:
            inside = Sql("r.id IN (", ()) + few + ") AND +" + self._here
            return self._sorted(inside, place)
        if (key := self._walked_key()) is not None:
            return self._walk(key, place)
        return self._sorted(self._here, place)

    def _few_candidates(self) -> Sql | None:
        """Return the runs of a clause that must hold and holds for few."""
        tree = self._wanted.tree
        must = tree.parts if isinstance(tree, All) else (tree,)
        for clause in must:
            if not isinstance(clause, FilterClause):
                continue
            runs = candidates(clause, self._keys)
            if runs is not None and self._is_few(runs):
                return runs
        return None

    def _is_few(self, runs: Sql) -> bool:
        self._cursor.execute(
            f"SELECT COUNT(*) FROM ({runs.text} LIMIT {FEW + 1}) c",  # noqa: S608 - built here
            runs.values,
        )
        return bool(self._cursor.fetchone()[0] <= FEW)

    def _walked_key(self) -> int | None:
        """Return the metric to walk along, if the first sort key is one."""
        if not self._wanted.order:
            return None
        first = self._wanted.order[0]
        if entity_of(first.entity) != "metric":
            return None
        return self._keys.id_of(first.key)

    def _sorted(self, where: Sql, place: list[Any] | None) -> list[Row]:
        return self._select(Sql(TABLES), self._sorting, where, place)

    def _walk(self, key: int, place: list[Any] | None) -> list[Row]:
        """Fill the page from the values, then NaN, then the runs without the metric."""
        rows: list[Row] = []
        first = int(place[0]) if place else 0
        for phase in range(first, _WITHOUT + 1):
            start = place if place and phase == first else None
            rows += self._phase(phase, key, start, len(rows))
            if len(rows) > self._wanted.limit:
                break
        return rows

    def _phase(
        self, phase: int, key: int, place: list[Any] | None, have: int
    ) -> list[Row]:
        _, (_, descending), *rest = self._sorting.columns
        others = self._others()
        if phase == _WITHOUT:
            columns = ((str(phase), False), ("0", descending), *rest)
            lacks = Sql(
                "NOT EXISTS (SELECT 1 FROM lifecycle_latestmetric w WHERE w.run_id ="
                " r.id AND w.key_id = %s)",
                (key,),
            )
            where = joined(" AND ", [self._here, lacks])
            return self._select(
                Sql(TABLES), Sorting(others, columns), where, place, have=have
            )
        columns = ((str(phase), False), ("w.value", descending), *rest)
        along = Sql("w.key_id = %s AND w.is_nan = %s AND ", (key, phase == 1))
        along += newest("w")
        if place:
            sign = "<=" if descending else ">="
            along += Sql(f" AND w.value {sign} %s", (place[1],))
        where = joined(" AND ", [along, self._here])
        return self._select(
            Sql(_walking()), Sorting(others, columns), where, place, have=have
        )

    def _others(self) -> Sql:
        """Return the joins of the sort keys, where there is more than the first."""
        return self._sorting.joins if len(self._wanted.order) > 1 else Sql("")

    def _select(
        self,
        tables: Sql,
        order: Sorting,
        where: Sql,
        place: list[Any] | None,
        *,
        have: int = 0,
    ) -> list[Row]:
        conditions = [where, _STAGE[self._wanted.view], self._filter]
        if place:
            conditions.append(keyset(order.columns, place))
        sort = ", ".join(
            f"{column} {'DESC' if down else 'ASC'}"
            for column, down in order.columns
            if not column.isdigit()
        )
        shown = ", ".join(column for column, _ in order.columns)
        statement = (
            Sql(f"SELECT {COLUMNS}, {shown} FROM ")  # noqa: S608 - columns of ours
            + tables
            + order.joins
            + " WHERE "
            + joined(" AND ", conditions)
            + f" ORDER BY {sort} LIMIT {self._wanted.limit + 1 - have}"
        )
        self._cursor.execute(statement.text, statement.values)
        rows: list[Row] = self._cursor.fetchall()
        return rows


def _walking() -> str:
    """Return the tables with the metric first; SQLite needs the join order forced."""
    if is_sqlite():
        start = (
            "lifecycle_latestmetric w INDEXED BY latest_metric_walk CROSS JOIN"
            " lifecycle_run r ON r.id = w.run_id"
        )
    else:
        start = "lifecycle_latestmetric w JOIN lifecycle_run r ON r.id = w.run_id"
    return start + TABLES.removeprefix("\n    lifecycle_run r")


def _runs_of(experiments: Sequence[int]) -> Sql:
    inside = within("experiment_id", list(experiments))
    return Sql("SELECT id FROM lifecycle_run WHERE ") + inside


def _names(wanted: RunSearch) -> set[str]:
    """Return every key that the search names."""
    named = {
        clause.key
        for clause in clauses_of(wanted.tree)
        if entity_of(clause.entity) in {"metric", "parameter", "tag"}
    }
    return named | {
        key.key
        for key in wanted.order
        if entity_of(key.entity) in {"metric", "parameter", "tag"}
    }


def _messages(
    cursor: CursorWrapper, rows: list[Row], *, info_only: bool
) -> list[dict[str, Any]]:
    runs = [RunRow(*row[:_COLUMN_COUNT]) for row in rows]
    if info_only:
        return [run_message(run, Children()) for run in runs]
    children = children_of(cursor, [run.pk for run in runs])
    return [run_message(run, children[run.pk]) for run in runs]
