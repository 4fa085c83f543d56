"""A store in a database: every release since 1.0, read by the columns that it has."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from lifecycle.importing.sources.base import BadSource, Pairs, RawPoint, Row
from lifecycle.importing.sources.dialects import SourceDialect

PAGE: Final = 500
FETCH: Final = 5000

NEEDED: Final = ("experiments", "runs", "metrics", "params", "tags")
READ: Final = frozenset(
    {
        *NEEDED,
        "alembic_version",
        "datasets",
        "experiment_tags",
        "input_tags",
        "inputs",
        "latest_metrics",
        "logged_model_metrics",
        "logged_model_params",
        "logged_model_tags",
        "logged_models",
        "model_version_tags",
        "model_versions",
        "registered_model_aliases",
        "registered_model_tags",
        "registered_models",
        "workspaces",
    }
)
"""What is brought in, or says nothing of its own; the other tables are only counted."""
_LINKS: Final = ("RUN_INPUT", "RUN_OUTPUT")


class SqlSource:
    """A store in SQLite, PostgreSQL or MySQL, within one transaction that reads."""

    root = ""

    def __init__(
        self, connection: Any, dialect: SourceDialect, name: str, workspace: str = ""
    ) -> None:
        self.name = name
        self._connection, self._dialect, self._workspace = (
            connection,
            dialect,
            workspace,
        )
        self._columns: dict[str, list[str]] = defaultdict(list)
        for table, column in self._rows(dialect.columns):
            self._columns[table].append(column)
        if absent := [table for table in NEEDED if table not in self._columns]:
            raise BadSource(
                f"{name} is no MLflow store: it has no table {', '.join(absent)}."
            )

    def close(self) -> None:
        self._connection.close()

    def workspaces(self) -> list[str]:
        """Return the workspaces that hold anything."""
        found: set[Any] = set()
        for table in ("experiments", "registered_models"):
            if "workspace" in self._columns[table]:
                statement = f"SELECT DISTINCT workspace FROM {self._named(table)}"
                found.update(row[0] for row in self._rows(statement))
        return sorted(str(one) for one in found if one is not None)

    def totals(self) -> dict[str, int]:
        return {
            "runs": self._count("runs"),
            "points": self._count("metrics"),
        }

    def left_out(self) -> dict[str, int]:
        others = sorted(self._columns.keys() - READ)
        counted = {
            table: self._count(table)
            for table in others
            if not table.startswith(("sqlite_", "pg_"))
        }
        counted["inputs of other kinds"] = self._count_other_inputs()
        return {table: number for table, number in counted.items() if number}

    def experiments(self) -> Iterator[Row]:
        yield from list(self._select("experiments", order="experiment_id"))

    def experiment_tags(self, experiment: Any) -> Pairs:
        return self._pairs("experiment_tags", experiment_id=experiment)

    def span(self, experiment: Any) -> tuple[int | None, int | None]:
        mark = self._dialect.mark
        statement = (
            "SELECT min(coalesce(start_time, end_time)), "
            "max(coalesce(end_time, start_time)) "
            f"FROM {self._named('runs')} WHERE experiment_id = {mark}"
        )
        first, last = next(self._rows(statement, [experiment]))
        return _moment(first), _moment(last)

    def runs(self, experiment: Any) -> Iterator[list[Row]]:
        last: Any = None
        while page := list(self._run_page(experiment, last)):
            yield page
            last = page[-1]["run_uuid"]

    def point_counts(self, runs: Sequence[Any]) -> dict[Any, int]:
        statement = (
            f"SELECT run_uuid, count(*) FROM {self._named('metrics')} WHERE run_uuid "
            f"IN ({self._marks(runs)}) GROUP BY run_uuid"
        )
        return dict(self._rows(statement, runs))

    def points(self, runs: Sequence[Any]) -> Iterator[RawPoint]:
        return self._points("metrics", runs)

    def latest(self, runs: Sequence[Any]) -> Iterator[RawPoint]:
        if "latest_metrics" not in self._columns:
            return iter(())
        return self._points("latest_metrics", runs)

    def params(self, runs: Sequence[Any]) -> dict[Any, Pairs]:
        return self._pairs_of_runs("params", runs)

    def tags(self, runs: Sequence[Any]) -> dict[Any, Pairs]:
        return self._pairs_of_runs("tags", runs)

    def inputs(self, runs: Sequence[Any]) -> dict[Any, list[Row]]:
        found: dict[Any, list[Row]] = defaultdict(list)
        if not {"inputs", "datasets"} <= self._columns.keys():
            return found
        statement = f"""
            SELECT i.destination_id, i.input_uuid, d.name, d.digest,
                d.dataset_source_type, d.dataset_source, d.dataset_schema,
                d.dataset_profile
            FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id
            WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN'
                AND i.destination_id IN ({self._marks(runs)})
            ORDER BY i.input_uuid
        """
        names = ("name", "digest", "source_type", "source", "schema", "profile")
        for run, link, *columns in self._rows(statement, runs):
            row = dict(zip(names, columns, strict=True))
            row["tags"] = self._pairs("input_tags", ("name", "value"), input_uuid=link)
            found[run].append(row)
        return found

    def logged_models(self, experiment: Any) -> Iterator[Row]:
        rows = self._select("logged_models", order="model_id", experiment_id=experiment)
        yield from list(rows)

    def model_params(self, model: Any) -> Pairs:
        return self._pairs(
            "logged_model_params", ("param_key", "param_value"), model_id=model
        )

    def model_tags(self, model: Any) -> Pairs:
        return self._pairs(
            "logged_model_tags", ("tag_key", "tag_value"), model_id=model
        )

    def model_metrics(self, model: Any) -> list[Row]:
        return list(self._select("logged_model_metrics", model_id=model))

    def model_runs(self, model: Any) -> list[Row]:
        if "inputs" not in self._columns:
            return []
        found = self._select("inputs", order="input_uuid", destination_id=model)
        return [
            {
                "run_id": row["source_id"],
                "is_output": row["source_type"] == "RUN_OUTPUT",
                "step": row.get("step"),
            }
            for row in found
            if row["source_type"] in _LINKS
        ]

    def registered_models(self) -> Iterator[Row]:
        yield from list(self._select("registered_models", order="name"))

    def registered_tags(self, name: Any) -> Pairs:
        return self._pairs("registered_model_tags", name=name)

    def aliases(self, name: Any) -> Pairs:
        return self._pairs("registered_model_aliases", ("alias", "version"), name=name)

    def versions(self, name: Any) -> list[Row]:
        return list(self._select("model_versions", order="version", name=name))

    def version_tags(self, name: Any, number: Any) -> Pairs:
        return self._pairs("model_version_tags", name=name, version=number)

    def _run_page(self, experiment: Any, last: Any) -> Iterator[Row]:
        mark, order = self._dialect.mark, self._dialect.ordered("run_uuid")
        names = self._names("runs")
        after = "" if last is None else f"AND {order} > {mark}"
        statement = (
            f"SELECT {names} FROM {self._named('runs')} WHERE experiment_id = {mark} "
            f"{after} ORDER BY {order} LIMIT {PAGE}"
        )
        values = [experiment] if last is None else [experiment, last]
        columns = self._columns["runs"]
        for row in self._rows(statement, values):
            yield dict(zip(columns, row, strict=True))

    def _points(self, table: str, runs: Sequence[Any]) -> Iterator[RawPoint]:
        quoted, has = self._dialect.quoted, self._columns[table]
        columns = ", ".join(
            quoted(name) if name in has else "0"
            for name in ("run_uuid", "key", "step", "timestamp", "value", "is_nan")
        )
        order = [self._dialect.ordered(name) for name in ("run_uuid", "key")]
        order += [quoted("step")] if "step" in has else []
        statement = (
            f"SELECT {columns} FROM {self._named(table)} WHERE run_uuid IN "
            f"({self._marks(runs)}) ORDER BY {', '.join(order)}, {quoted('timestamp')}"
        )
        return map(RawPoint._make, self._rows(statement, runs, is_long=True))

    def _pairs_of_runs(self, table: str, runs: Sequence[Any]) -> dict[Any, Pairs]:
        quoted = self._dialect.quoted
        statement = (
            f"SELECT run_uuid, {quoted('key')}, {quoted('value')} "
            f"FROM {self._named(table)} WHERE run_uuid IN ({self._marks(runs)})"
        )
        found: dict[Any, Pairs] = defaultdict(list)
        for run, name, value in self._rows(statement, runs):
            found[run].append((name, value))
        return found

    def _pairs(
        self, table: str, columns: tuple[str, str] = ("key", "value"), /, **where: Any
    ) -> Pairs:
        key, value = columns
        return [(row[key], row[value]) for row in self._select(table, **where)]

    def _select(self, table: str, /, *, order: str = "", **where: Any) -> Iterator[Row]:
        """Yield the rows of a table, of the chosen workspace, as columns by name."""
        columns = self._columns.get(table)
        if not columns:
            return
        if "workspace" in columns and self._workspace:
            where["workspace"] = self._workspace
        quoted, mark = self._dialect.quoted, self._dialect.mark
        clauses = " AND ".join(f"{quoted(name)} = {mark}" for name in where)
        statement = f"SELECT {self._names(table)} FROM {self._named(table)}"
        statement += f" WHERE {clauses}" if where else ""
        statement += f" ORDER BY {quoted(order)}" if order else ""
        for row in self._rows(statement, list(where.values())):
            yield dict(zip(columns, row, strict=True))

    def _count(self, table: str) -> int:
        rows = self._rows(f"SELECT count(*) FROM {self._named(table)}")
        return int(next(rows)[0])

    def _count_other_inputs(self) -> int:
        if "inputs" not in self._columns:
            return 0
        rows = self._rows("""
            SELECT count(*) FROM inputs WHERE source_type NOT IN ('RUN_INPUT',
                'RUN_OUTPUT') AND NOT (source_type = 'DATASET'
                AND destination_type = 'RUN')
        """)
        return int(next(rows)[0])

    def _names(self, table: str) -> str:
        return ", ".join(map(self._dialect.quoted, self._columns[table]))

    def _named(self, table: str) -> str:
        return self._dialect.quoted(table)

    def _marks(self, values: Sequence[Any]) -> str:
        return ", ".join([self._dialect.mark] * len(values)) or "NULL"

    def _rows(
        self, statement: str, values: Sequence[Any] = (), *, is_long: bool = False
    ) -> Iterator[Any]:
        """Yield the rows of a statement, a few thousand of them in memory at a time."""
        named = {"name": "rows"} if is_long and self._dialect.needs_names else {}
        cursor = self._connection.cursor(**named)
        try:
            cursor.execute(statement, list(values))
            while rows := cursor.fetchmany(FETCH):
                yield from rows
        finally:
            cursor.close()


def _moment(value: Any) -> int | None:
    return value if isinstance(value, int) else None
