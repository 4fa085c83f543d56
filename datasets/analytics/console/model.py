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
    """What is known of the order of a result's rows.

    TOTAL: no two different rows are equal in what they are ordered by. UNCHECKED: the
    order is by what is no column of the result, or there was no time to look.
    """

    NONE = "none"
    TIES = "ties"
    TOTAL = "total"
    UNCHECKED = "unchecked"


@dataclass(frozen=True, slots=True)
class SqlRequest:
    """A statement, and the Parquet files that its tables stand for, by name."""

    sql: str
    tables: Mapping[str, Path]
    form: Form = Form.PAGE
    offset: int = 0
    limit: int = 100


@dataclass(frozen=True, slots=True)
class StatementLimits:
    """What one statement may take; all but `memory_limit` hold outside DuckDB.

    `memory_bytes` is what the process may map beyond its libraries. So many run at
    once on the machine, whichever process started them.
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
    """What the result was. `row_count` is None where the end was not seen.

    Of a page, `has_more` says that rows follow it.
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


class SqlRefused(AnalyticsError):
    """A statement that is not run, or that failed for what it says."""

    kind, code = "invalid", "sql_refused"

    def __init__(self, code: str, message: str, *, field: str = "sql") -> None:
        super().__init__(message, field=field)
        self.code = code


class SqlLimit(AnalyticsError):
    """A statement that takes more than one may."""

    kind, code = "too_large", "sql_limit"

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, field="sql")
        self.code = code


class SqlUnavailable(AnalyticsError):
    """This machine cannot shut a process in, or killed it: not for what it says."""

    kind, code = "unavailable", "sql_unavailable"

    def __init__(self, message: str, *, code: str = "sql_unavailable") -> None:
        super().__init__(message, field="sql")
        self.code = code
