"""Runs a statement that was looked at, and writes what it gives."""

from collections.abc import Sequence
from typing import Any, BinaryIO

import duckdb
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.analytics.cells import Losses, records, select_list
from datasets.analytics.console import error_messages, statement
from datasets.analytics.console.model import (
    Form,
    RowOrder,
    SqlLimit,
    SqlRefused,
    StatementOutcome,
)
from datasets.analytics.sql import Kind, TableColumn, quote_ident

RESULT, WHOLE = "__result", "__whole"
MAX_COLUMNS = 2_000
BATCH_ROWS = 20_480
_AS_TEXT = {Kind.INTERVAL}
_AS_DECIMAL = frozenset({"HUGEINT", "UHUGEINT"})
_AS_WORDS = frozenset({"BIGNUM", "BIT", "UUID", "TIME WITH TIME ZONE"})
_NESTED_ONLY = ("HUGEINT", "BIGNUM", "BIT", "UUID", "INTERVAL", "UNION")


class Statement:
    """One SELECT over the views of a database. Raises SqlRefused if it is not that."""

    def __init__(
        self, database: "duckdb.DuckDBPyConnection", sql: str, tables: Sequence[str]
    ) -> None:
        self._database = database
        columns = {name: self._columns_of(name) for name in tables}
        self._tree = statement.validated(self._parsed(sql), columns)
        # Of the tree, not the text: what runs is what was looked at.
        self._result = self._selected(self._tree)
        self.columns = self._described()

    def page(self, target: BinaryIO, offset: int, limit: int) -> StatementOutcome:
        """Write a page of the rows as a JSON list of objects."""
        found = self._query(
            f"SELECT {select_list(self.columns)} FROM {RESULT}"  # noqa: S608
            f" LIMIT {limit + 1:d} OFFSET {offset:d}"
        ).fetchall()
        losses = Losses()
        rows = records(self.columns, found[:limit], losses)
        target.write(orjson.dumps(rows))
        has_more = len(found) > limit
        is_end = not has_more and (found or not offset)
        return StatementOutcome(
            columns=tuple((column.name, column.type) for column in self.columns),
            order=self._known_order(),
            row_count=offset + len(found) if is_end else None,
            has_more=has_more,
            losses={
                "non_finite": losses.non_finite,
                "non_finite_cells": losses.non_finite_cells,
                "truncated": losses.truncated,
                "truncated_cells": losses.cells,
            },
        )

    def file(self, target: BinaryIO, form: Form) -> StatementOutcome:
        """Write all rows as Parquet or Arrow.

        As a version they are sorted once more, by what they were found to be ordered
        by: an alias may hide what the statement itself sorts. Raises SqlRefused for a
        version without a total order.
        """
        is_version, terms = form is Form.VERSION, list[str]()
        order, terms = self._order() if is_version else (self._known_order(), terms)
        cells = ", ".join(map(_stored, self.columns))
        again = ""
        if form is Form.VERSION:
            if order is not RowOrder.TOTAL:
                raise SqlRefused("sql_no_total_order", _WHY_NOT[order])
            again = f" ORDER BY {', '.join(terms)}"
        batches = self._query(
            f"SELECT {cells} FROM {RESULT}{again}"  # noqa: S608 - names are quoted
        ).to_arrow_reader(BATCH_ROWS)
        rows = _written(target, form, batches)
        return StatementOutcome(
            tuple((field.name, str(field.type)) for field in batches.schema),
            order,
            row_count=rows,
        )

    def _parsed(self, sql: str) -> dict[str, Any]:
        (text,) = self._row("SELECT json_serialize_sql($1::VARCHAR)", [sql])
        parsed: dict[str, Any] = orjson.loads(text)
        if parsed.get("error"):
            parsed["error_message"] = error_messages.without_paths(
                str(parsed["error_message"])
            )
        return parsed

    def _row(self, sql: str, parameters: list[Any]) -> tuple[Any, ...]:
        (row,) = self._database.execute(sql, parameters).fetchall()
        found: tuple[Any, ...] = row
        return found

    def _columns_of(self, table: str) -> list[str]:
        described = self._database.execute(f"DESCRIBE {quote_ident(table)}").fetchall()
        return [row[0] for row in described]

    def _query(self, sql: str) -> "duckdb.DuckDBPyRelation":
        return _over(self._result, RESULT, sql)

    def _described(self) -> list[TableColumn]:
        names = self._result.columns
        for name in names:
            if names.count(name) > 1:
                raise SqlRefused(
                    "sql_duplicate_column",
                    f"Two columns are called {name[:80]!r}; name one of them with AS.",
                )
        if len(names) > MAX_COLUMNS:
            raise SqlLimit("sql_output_limit", f"More than {MAX_COLUMNS} columns.")
        types = map(str, self._result.types)
        return [TableColumn(*both) for both in zip(names, types, strict=True)]

    def _known_order(self) -> RowOrder:
        """Return the order, UNCHECKED if that takes too much memory or time."""
        try:
            return self._order()[0]
        except (duckdb.OutOfMemoryException, duckdb.InterruptException):
            return RowOrder.UNCHECKED

    def _order(self) -> tuple[RowOrder, list[str]]:
        """Return what is known of the order, and its terms as SQL.

        For a result cut by LIMIT, the rows before the cut are checked: ties there would
        make the cut arbitrary.
        """
        terms = statement.terms(self._tree)
        if terms is not None and not terms:
            return RowOrder.NONE, []
        names = [column.name for column in self.columns]
        places = {name.lower(): place for place, name in enumerate(names)}
        is_clear = terms is not None and len(places) == len(names)
        keys = statement.keys(terms or [], places) if is_clear else None
        if not keys:
            return RowOrder.UNCHECKED, []
        by = [quote_ident(names[place]) for place, _ in keys]
        ties = _over(
            self._whole(),
            WHOLE,
            f"SELECT count(*) FROM (SELECT {', '.join(by)} FROM"  # noqa: S608
            f" (SELECT DISTINCT * FROM {WHOLE}) GROUP BY ALL HAVING count(*) > 1)",
        )
        (count,) = ties.fetchall()[0]
        sorting = [f"{name} {way}" for name, (_, way) in zip(by, keys, strict=True)]
        return (RowOrder.TIES if count else RowOrder.TOTAL), sorting

    def _whole(self) -> "duckdb.DuckDBPyRelation":
        tree = statement.unlimited(self._tree)
        if tree is None:
            return self._result
        return self._selected(tree)

    def _selected(self, tree: statement.Tree) -> "duckdb.DuckDBPyRelation":
        return _rows(self._database.sql(self._rendered(tree)))

    def _rendered(self, tree: statement.Tree) -> str:
        serialized = orjson.dumps({"error": False, "statements": [tree]}).decode()
        (text,) = self._row("SELECT json_deserialize_sql($1::JSON)", [serialized])
        return str(text)


def _over(
    relation: "duckdb.DuckDBPyRelation", name: str, sql: str
) -> "duckdb.DuckDBPyRelation":
    """Return a query of ours over a result that it calls by `name`."""
    return _rows(relation.query(name, sql))


def _rows(found: "duckdb.DuckDBPyRelation | None") -> "duckdb.DuckDBPyRelation":
    if found is None:  # what has no rows is no SELECT
        raise SqlRefused("sql_not_select", "Only a SELECT is taken.")
    return found


_WHY_NOT = {
    RowOrder.NONE: "A version needs an order: end the statement with ORDER BY.",
    RowOrder.TIES: "Different rows are equal in what the statement orders by: name "
    "more columns in ORDER BY, until no two are.",
    RowOrder.UNCHECKED: "A version is ordered by columns of its own: name columns of "
    "the result in ORDER BY, each with a name that no other has in any letter case.",
}


def _stored(column: TableColumn) -> str:
    """Return a column as a file holds it, with all of its digits."""
    name = quote_ident(column.name)
    if column.type in _AS_DECIMAL:
        return f"{name}::DECIMAL(38,0) AS {name}"
    if column.type in _AS_WORDS or column.kind in _AS_TEXT:
        return f"{name}::VARCHAR AS {name}"
    if column.kind is Kind.NESTED and any(w in column.type for w in _NESTED_ONLY):
        raise SqlRefused(
            "sql_no_file_type",
            f"{column.name[:80]!r} is {column.type[:200]}, which the file has no type "
            "for: cast it, as with to_json.",
        )
    return name


def _written(target: BinaryIO, form: Form, batches: pa.RecordBatchReader) -> int:
    sink = pa.PythonFile(target, mode="w")
    schema, rows = batches.schema, 0
    writer = (
        pa.ipc.new_stream(sink, schema)
        if form is Form.ARROW
        else pq.ParquetWriter(sink, schema, compression="zstd")
    )
    with writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows
