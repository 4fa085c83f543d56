"""The request to the process that answers SQL, and its result."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from datasets.analytics.errors import AnalyticsError

MAX_SQL = 20_000
TABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


class Form(StrEnum):
    """The form of the result: a page as JSON, a whole file, or rows of a version.

    A version is a Parquet file too, whose rows have to have a total order.
    """

    PAGE = "page"
    PARQUET = "parquet"
    ARROW = "arrow"
    VERSION = "version"


class RowOrder(StrEnum):
    """What is known of the order of the result's rows.

    TOTAL: no two different rows have equal sort keys. UNCHECKED: a sort key is not a
    column of the result, or checking would take too long.
    """

    NONE = "none"
    TIES = "ties"
    TOTAL = "total"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """A statement, and the Parquet files that its table names refer to."""

    sql: str
    tables: Mapping[str, Path]
    form: Form = Form.PAGE
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class StatementLimits:
    """Limits of one statement; all but `memory_limit` are enforced outside DuckDB.

    `memory_bytes` is what the process may map beyond its libraries. The limit of
    concurrent statements is for the machine, whichever process started them.
    """

    memory_bytes: int = 1 << 30
    memory_limit: str = "256MB"
    cpu_s: int = 10
    wall_s: float = 20.0
    page_bytes: int = 32 << 20
    file_bytes: int = 256 << 20
    at_once: int = 2
    wait_s: float = 5.0


@dataclass(frozen=True, slots=True)
class StatementOutcome:
    """The result's metadata.

    `row_count` is None if the result was not read to its end. `has_more` says that rows
    follow a page.
    """

    columns: tuple[tuple[str, str], ...]
    order: RowOrder
    row_count: int | None = None
    has_more: bool = False
    losses: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "StatementOutcome":
        return cls(
            tuple((str(name), str(kind)) for name, kind in body["columns"]),
            RowOrder(body["order"]),
            body["row_count"],
            bool(body["has_more"]),
            body["losses"],
        )


SQL_CODES = frozenset(
    {
        "sql_crashed",
        "sql_duplicate_column",
        "sql_failed",
        "sql_invalid",
        "sql_killed",
        "sql_memory_limit",
        "sql_no_file_type",
        "sql_no_total_order",
        "sql_not_allowed",
        "sql_not_one_statement",
        "sql_not_select",
        "sql_output_limit",
        "sql_syntax",
        "sql_table_name",
        "sql_time_limit",
        "sql_unavailable",
        "sql_unknown_table",
    }
)
"""Every code that the three errors below are given."""


class SqlRefused(AnalyticsError):
    """A statement that is not allowed, or that failed by its own fault."""

    kind, code = "invalid", "sql_failed"

    def __init__(self, code: str, message: str, *, field: str = "sql") -> None:
        super().__init__(message, field=field)
        self.code = code


class SqlLimit(AnalyticsError):
    """A statement that exceeded a limit."""

    kind, code = "too_large", "sql_time_limit"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, field="sql")
        self.code = code


class SqlUnavailable(AnalyticsError):
    """The machine cannot sandbox a process, or killed it: not the statement's fault."""

    kind, code = "unavailable", "sql_unavailable"

    def __init__(self, message: str, *, code: str = "sql_unavailable") -> None:
        super().__init__(message, field="sql")
        self.code = code
