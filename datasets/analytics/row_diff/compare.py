"""Joins two tables by their key, in one pass each: counts, and pages of rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from datasets.analytics.cells import select_list
from datasets.analytics.engine import Cursor, Engine, Lane
from datasets.analytics.errors import InvalidParameter
from datasets.analytics.ingest.common_types import common_type
from datasets.analytics.row_diff.model import (
    MAX_KEYS,
    Aside,
    ComparedColumn,
    DiffPage,
    RetypedDiffColumn,
    Row,
    RowChange,
    Summary,
    key_part,
)
from datasets.analytics.row_diff.shown import as_texts, shown_rows
from datasets.analytics.sql import (
    ROW_NUMBER,
    Source,
    Table,
    TableColumn,
    count_where,
    pick,
    quote_ident,
    single,
)

EXAMPLES = 5


class Comparison:
    """Two tables and a key. Raises UnknownColumn or InvalidParameter when made."""

    def __init__(
        self,
        before: Table,
        after: Table,
        key: Sequence[str],
        columns: Sequence[str] | None = None,
    ) -> None:
        self._before, self._after = single(before), single(after)
        with Engine.for_process().cursor() as cursor:
            old, new = cursor.columns(self._before), cursor.columns(self._after)
        self._old = {column.name: column for column in old}
        self._new = {column.name: column for column in new}
        self._key = self._keys(key)
        both = [column.name for column in new if column.name in self._old]
        wanted = (
            both
            if columns is None
            else [c.name for c in pick(new, columns, field="columns")]
        )
        named = {pair.after.name for pair in self._key}
        rest = [name for name in wanted if name in self._old and name not in named]
        found = {name: self._pair(name) for name in rest}
        self._pairs = [pair for pair in found.values() if pair]
        self._not_compared = tuple(name for name, pair in found.items() if not pair)

    def summary(self) -> Summary:
        """Count every difference, exactly."""
        with Engine.for_process(Lane.HEAVY).cursor() as cursor:
            aside = [self._aside(cursor, p) for p in (self._before, self._after)]
            joined, beside = self._joined(cursor, repeated=_any_repeats(aside))
            both = "b.n IS NOT NULL AND a.n IS NOT NULL"
            cells = [count_where(f"{both} AND {p.differs}") for p in self._pairs]
            added, deleted, matched, changed, *counts = cursor.row(
                f"SELECT {count_where('b.n IS NULL')}, {count_where('a.n IS NULL')},"  # noqa: S608
                f" {count_where(both)}, {count_where(f'{both} AND ({self._differs})')}"
                f"{''.join(f', {cell}' for cell in cells)} FROM {joined}",
                self._parameters,
            )
        return Summary(
            key=tuple(pair.after.name for pair in self._key),
            compared=tuple(pair.after.name for pair in self._pairs),
            added_columns=tuple(c for n, c in self._new.items() if n not in self._old),
            removed_columns=tuple(
                c for n, c in self._old.items() if n not in self._new
            ),
            retyped_columns=tuple(
                RetypedDiffColumn(name, old.type, self._new[name].type)
                for name, old in self._old.items()
                if name in self._new and self._new[name].type != old.type
            ),
            not_compared=self._not_compared,
            added=added,
            deleted=deleted,
            changed=changed,
            unchanged=matched - changed,
            changed_cells={
                pair.after.name: count
                for pair, count in zip(self._pairs, counts, strict=True)
                if count
            },
            before=aside[0],
            after=aside[1],
            beside=beside,
        )

    def rows(self, window: DiffPage) -> list[Row]:
        """Return a stretch of the differences, by the key: an order without ties."""
        with Engine.for_process(Lane.HEAVY).cursor() as cursor:
            aside = [self._aside(cursor, p) for p in (self._before, self._after)]
            joined, _ = self._joined(cursor, repeated=_any_repeats(aside))
            order = ", ".join(
                f"coalesce(b.k{i:d}, a.k{i:d})" for i in range(len(self._key))
            )
            flags = ", ".join(f"({p.differs})" for p in self._pairs)
            found = cursor.rows(
                f"SELECT b.n, a.n, [{flags}]::BOOLEAN[] FROM {joined}"  # noqa: S608
                f" WHERE {self._wanted(window.changes)} ORDER BY {order}"
                f" LIMIT {window.limit:d} OFFSET {window.offset:d}",
                self._parameters,
            )
            old = shown_rows(cursor, self._before, self._old, [r[0] for r in found])
            new = shown_rows(cursor, self._after, self._new, [r[1] for r in found])
        return [self._row(b, a, flags, old, new) for b, a, flags in found]

    def _row(
        self,
        before: int | None,
        after: int | None,
        flags: Sequence[bool],
        old: dict[int, dict[str, Any]],
        new: dict[int, dict[str, Any]],
    ) -> Row:
        if before is None or after is None:
            change = RowChange.ADDED if before is None else RowChange.DELETED
            columns: tuple[str, ...] = ()
        else:
            change = RowChange.CHANGED
            columns = tuple(
                p.after.name for p, f in zip(self._pairs, flags, strict=True) if f
            )
        return Row(
            change,
            columns,
            None if before is None else old[before],
            None if after is None else new[after],
        )

    def _keys(self, names: Sequence[str]) -> list[ComparedColumn]:
        if not 1 <= len(set(names)) <= MAX_KEYS:
            raise InvalidParameter(f"A key has 1 to {MAX_KEYS} columns.", field="key")
        pick(list(self._old.values()), names, field="key")
        found = []
        for column in pick(list(self._new.values()), names, field="key"):
            pair = self._pair(column.name)
            if pair is None:
                raise InvalidParameter(
                    f"The key {column.name!r} is {self._old[column.name].type} in one"
                    f" version and {column.type} in the other: nothing compares them.",
                    field="key",
                )
            found.append(pair)
        return found

    def _pair(self, name: str) -> ComparedColumn | None:
        old, new = self._old[name], self._new[name]
        common = common_type([old.type, new.type])
        return ComparedColumn(old, new, common) if common else None

    def _aside(self, cursor: Cursor, source: Source) -> Aside:
        """Count rows whose key is missing or repeats."""
        own = [_of(pair, source is self._before) for pair in self._key]
        keys = ", ".join(f"{quote_ident(c.name)} AS k{i:d}" for i, c in enumerate(own))
        names = [f"k{i:d}" for i in range(len(self._key))]
        listed = ", ".join(names)
        missing = " OR ".join(f"{name} IS NULL" for name in names)
        grouped = (
            f"SELECT {listed}, count(*) AS n, {missing} AS is_missing FROM"  # noqa: S608
            f" (SELECT {keys} FROM {source.sql}) GROUP BY {listed}"
        )
        lost, keyed, rows = cursor.row(
            "SELECT coalesce(sum(CASE WHEN is_missing THEN n END), 0)::BIGINT,"  # noqa: S608
            " coalesce(count_if(NOT is_missing), 0),"
            " coalesce(sum(CASE WHEN NOT is_missing THEN n END), 0)::BIGINT"
            f" FROM ({grouped} HAVING n > 1 OR is_missing)",
            source.parameters,
        )
        if not keyed:
            return Aside(lost, 0, 0)
        columns = [
            TableColumn(name, column.type)
            for name, column in zip(names, own, strict=True)
        ]
        examples = cursor.rows(
            f"SELECT {select_list(columns)}, n"  # noqa: S608
            f" FROM ({grouped} HAVING n > 1 AND NOT is_missing)"
            f" ORDER BY {listed} LIMIT {EXAMPLES}",
            source.parameters,
        )
        shown = [pair.after.name for pair in self._key]
        return Aside(
            lost,
            keyed,
            rows,
            tuple(
                {"key": dict(zip(shown, key, strict=True)), "rows": row[-1]}
                for key, row in zip(as_texts(columns, examples), examples, strict=True)
            ),
        )

    def _selected_keys(self, source: Source) -> str:
        is_old = source is self._before
        return ", ".join(
            f"{key_part(quote_ident(_of(pair, is_old).name), pair)} AS k{i:d}"
            for i, pair in enumerate(self._key)
        )

    def _joined(self, cursor: Cursor, *, repeated: bool) -> tuple[str, int]:
        """Return the matched rows as SQL, and how many the other's repeats took."""
        sides = [self._side(self._before, "$before"), self._side(self._after, "$after")]
        names = [f"k{i:d}" for i in range(len(self._key))]
        beside = 0
        if repeated:
            listed = ", ".join(names)
            doubles = " UNION ALL ".join(
                f"SELECT {listed} FROM {side} GROUP BY {listed} HAVING count(*) > 1"  # noqa: S608
                for side in sides
            )
            cursor.rows(
                "CREATE OR REPLACE TEMP TABLE doubles AS"  # noqa: S608 - names by number
                f" SELECT DISTINCT * FROM ({doubles})",
                self._parameters,
            )
            same = " AND ".join(f"d.{name} = s.{name}" for name in names)
            is_double = f"EXISTS (SELECT 1 FROM doubles d WHERE {same})"  # noqa: S608
            beside = self._beside(cursor, sides, is_double, listed)
            sides = [
                f"(SELECT * FROM {side} s WHERE NOT {is_double})"  # noqa: S608
                for side in sides
            ]
        on = " AND ".join(f"b.{name} = a.{name}" for name in names)
        return f"{sides[0]} b FULL JOIN {sides[1]} a ON {on}", beside

    def _beside(
        self, cursor: Cursor, sides: Sequence[str], is_double: str, listed: str
    ) -> int:
        """Count rows with a key that is unique here and repeats in the other table."""
        total = 0
        for side, parameter in zip(sides, self._parameters.items(), strict=True):
            (count,) = cursor.row(
                f"SELECT count(*) FROM (SELECT 1 FROM {side} s WHERE {is_double}"  # noqa: S608
                f" GROUP BY {listed} HAVING count(*) = 1)",
                dict([parameter]),
            )
            total += count
        return total

    def _side(self, source: Source, name: str) -> str:
        """Return rows with a whole key: its parts, the cells, the position."""
        is_old = source is self._before
        cells = "".join(
            f", {quote_ident(_of(pair, is_old).name)}" for pair in self._pairs
        )
        keys = self._selected_keys(source)
        whole = " AND ".join(f"k{i:d} IS NOT NULL" for i in range(len(self._key)))
        return (
            f"(SELECT * FROM (SELECT {keys}{cells}, {ROW_NUMBER} AS n FROM"  # noqa: S608
            f" read_parquet({name}, {ROW_NUMBER}=true)) WHERE {whole})"
        )

    @property
    def _differs(self) -> str:
        return " OR ".join(f"({pair.differs})" for pair in self._pairs) or "false"

    def _wanted(self, changes: Iterable[RowChange]) -> str:
        conditions = {
            RowChange.ADDED: "b.n IS NULL",
            RowChange.DELETED: "a.n IS NULL",
            RowChange.CHANGED: "b.n IS NOT NULL AND a.n IS NOT NULL"
            f" AND ({self._differs})",
        }
        return " OR ".join(f"({conditions[change]})" for change in sorted(changes))

    @property
    def _parameters(self) -> dict[str, Any]:
        return {
            "before": str(self._before.paths[0]),
            "after": str(self._after.paths[0]),
        }


def _of(pair: ComparedColumn, is_old: bool) -> TableColumn:  # noqa: FBT001 - one of two sides
    return pair.before if is_old else pair.after


def _any_repeats(aside: Sequence[Aside]) -> bool:
    return any(side.repeated_keys for side in aside)
