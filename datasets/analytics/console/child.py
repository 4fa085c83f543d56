"""Opens a database over the tables of an order and answers its statement.

It runs shut in, by `begin`: its tables are open files, its result goes to stdout.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import duckdb

from datasets.analytics.console import error_messages
from datasets.analytics.console.model import Form, StatementLimits, StatementOutcome
from datasets.analytics.console.run import Statement
from datasets.analytics.errors import AnalyticsError


def answer(order: Mapping[str, Any], tables: Mapping[str, str]) -> dict[str, Any]:
    """Write the result; return its report. `tables` are paths."""
    try:
        with error_messages.explained():
            return {"outcome": asdict(_answered(order, tables))}
    except AnalyticsError as error:
        refused = {
            "class": type(error).__name__,
            "code": error.code,
            "message": error_messages.without_paths(error.message),
        }
        return {"refused": refused}


def _answered(order: Mapping[str, Any], tables: Mapping[str, str]) -> StatementOutcome:
    with _database(tables, StatementLimits(**order["limits"])) as database:
        statement = Statement(database, order["sql"], tuple(tables))
        form = Form(order["form"])
        if form is Form.PAGE:
            return statement.page(sys.stdout.buffer, order["offset"], order["limit"])
        return statement.file(sys.stdout.buffer, form)


@contextmanager
def _database(
    tables: Mapping[str, str], limits: StatementLimits
) -> Iterator["duckdb.DuckDBPyConnection"]:
    """Open a database that reads the tables, and lock it; nothing can spill."""
    database = duckdb.connect(
        config={
            # One: the same question gives the same answer.
            "threads": 1,
            "memory_limit": limits.memory_limit,
            "temp_directory": "",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
        }
    )
    listed = ", ".join(f"'{place}'" for place in tables.values())
    for statement in (
        f"SET GLOBAL max_execution_time={int(limits.wall_s * 1000)}",
        f"SET max_execution_time={int(limits.wall_s * 1000)}",
        "SET GLOBAL TimeZone='UTC'",
        f"SET allowed_paths=[{listed}]",
        "SET enable_external_access=false",
        "SET lock_configuration=true",
        *(
            f"CREATE VIEW \"{name}\" AS SELECT * FROM read_parquet('{place}')"  # noqa: S608
            for name, place in tables.items()
        ),
    ):
        database.execute(statement)
    yield database
