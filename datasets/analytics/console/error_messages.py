"""Messages of failed statements: the cause, never a path of the server."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

from datasets.analytics.console.model import SqlLimit, SqlRefused
from datasets.analytics.errors import AnalyticsError

LONGEST = 500
MEMORY = "The statement needs more memory than one may take."
FILES = "The statement may read the tables that it is given alone."
DEEP = "The statement is nested too deeply."
FAILED = "The statement failed."
TIME = "The statement takes longer than one may."
_PATH = re.compile(r"(?:[A-Za-z0-9]+:)?/+[^\s'\"]*")


def _refused(code: str, message: str) -> Callable[[Exception], AnalyticsError]:
    return lambda _error: SqlRefused(code, message)


def _explained(code: str) -> Callable[[Exception], AnalyticsError]:
    return lambda error: SqlRefused(code, without_paths(str(error)))


def _limit(code: str, message: str) -> Callable[[Exception], AnalyticsError]:
    return lambda _error: SqlLimit(code, message)


# The first that fits: subclasses before their bases.
_CAUSES: tuple[
    tuple[tuple[type[Exception], ...], Callable[[Exception], AnalyticsError]], ...
] = (
    ((duckdb.OutOfMemoryException, MemoryError), _limit("sql_memory_limit", MEMORY)),
    ((duckdb.InterruptException,), _limit("sql_time_limit", TIME)),
    ((duckdb.PermissionException,), _refused("sql_not_allowed", FILES)),
    ((RecursionError,), _refused("sql_not_allowed", DEEP)),
    ((duckdb.ParserException, duckdb.SyntaxException), _explained("sql_syntax")),
    ((duckdb.BinderException, duckdb.CatalogException), _explained("sql_invalid")),
    (
        (duckdb.IOException, duckdb.InternalException, duckdb.FatalException),
        _refused("sql_failed", FAILED),
    ),
    ((duckdb.Error,), _explained("sql_failed")),
    ((ValueError, OSError), _refused("sql_failed", FAILED)),
)
_EXPLAINED = tuple(each for classes, _ in _CAUSES for each in classes)


@contextmanager
def explained() -> Iterator[None]:
    """Turn what Python and DuckDB raise into refusals."""
    try:
        yield
    except _EXPLAINED as error:
        causes = (explain for classes, explain in _CAUSES if isinstance(error, classes))
        raise next(causes)(error) from None


def without_paths(message: str) -> str:
    """Return the first paragraph of a message, without anything like a path."""
    first = message.split("\n\nLINE ", 1)[0].split("\nLINE ", 1)[0]
    plain = " ".join(_PATH.sub("…", first).split())
    return (plain or FAILED)[:LONGEST]
