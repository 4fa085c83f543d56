"""The locked-down DuckDB of this process: limits, cursors, timeouts, errors.

One in-memory database per process and lane, made after the fork by whoever asks
first, and closed when nobody has asked for a while; one cursor per question. It reads
Parquet below the data folder and nothing else. The sandbox is not read-only (DuckDB
may write where it may read), so no SQL of a caller is run here; `console` runs it, in a
process of its own.
"""

import logging
import os
import sysconfig
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.analytics.database import Database, LaneLimits
from datasets.analytics.errors import (
    AnalyticsError,
    Busy,
    QueryFailed,
    QueryTimeout,
    SourceMissing,
    TooHeavy,
)
from datasets.analytics.sql import Source, TableColumn
from mlops import memory
from mlops.lazy_import import lazy_import

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
else:
    pa = lazy_import("pyarrow")

logger = logging.getLogger(__name__)

REST_S = 60.0
"""For how long nobody asks before the instances are closed."""


class Lane(StrEnum):
    """Short queries and heavy passes do not share an instance.

    The serial lane has one thread, so that floats are added in the same order each
    time.
    """

    INTERACTIVE = "interactive"
    HEAVY = "heavy"
    SERIAL = "serial"


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Data folders, and the resource limits of each lane."""

    data_dir: Path
    lanes: Mapping[Lane, LaneLimits]


DEFAULT_LANES: Mapping[Lane, LaneLimits] = {
    Lane.INTERACTIVE: LaneLimits(2, "512MB", "1GB", 5.0, 2, 2.0),
    Lane.HEAVY: LaneLimits(2, "1GB", "8GB", 120.0, 1, 120.0, waiting=2),
    Lane.SERIAL: LaneLimits(1, "512MB", "1GB", 15.0, 2, 4.0),
}


class _ProcessState:
    """State of this process; a fork starts with an empty one."""

    settings: EngineSettings | None = None
    pid: int = 0
    engines: dict[Lane, "Engine"] = {}
    lock = threading.Lock()
    asked_at: float = 0.0
    will_rest: bool = False


def configure(
    data_dir: Path,
    *,
    threads: int | None = None,
    memory_limit: str | None = None,
    heavy_memory_limit: str | None = None,
) -> None:
    """Set the folder of the Parquet files and the limits of one process.

    Opens nothing: a server may call this before it forks.
    """
    lanes = dict(DEFAULT_LANES)
    limits = {
        Lane.INTERACTIVE: memory_limit,
        Lane.HEAVY: heavy_memory_limit,
        Lane.SERIAL: memory_limit,
    }
    for lane, given in limits.items():
        lanes[lane] = replace(
            lanes[lane], memory_limit=given or lanes[lane].memory_limit
        )
    for lane in (Lane.INTERACTIVE, Lane.HEAVY):
        lanes[lane] = replace(lanes[lane], threads=threads or lanes[lane].threads)
    restore(EngineSettings(Path(data_dir).resolve(), lanes))


def settings() -> EngineSettings | None:
    """Return the settings of the last `configure`, None before."""
    return _ProcessState.settings


def restore(known: EngineSettings | None) -> None:
    """Go back to settings that `settings` returned; open instances are closed."""
    with _ProcessState.lock:
        _ProcessState.settings = known
        _close_all()


def _close_all() -> None:
    # After a fork the instances belong to the parent: forget them, never close them.
    if _ProcessState.pid == os.getpid():
        for engine in _ProcessState.engines.values():
            engine.close()
    _ProcessState.engines = {}
    _ProcessState.pid = os.getpid()


def _after_fork() -> None:
    _ProcessState.lock = threading.Lock()
    _ProcessState.engines = {}
    _ProcessState.will_rest = False


os.register_at_fork(after_in_child=_after_fork)


def _rest_later() -> None:
    """Give back what answering took, once nobody has asked for `REST_S`.

    The next question opens its instance again, in 20 ms.
    """
    while True:
        time.sleep(REST_S / 4)
        with _ProcessState.lock:
            is_quiet = time.monotonic() - _ProcessState.asked_at >= REST_S
            if is_quiet and all(e.rest() for e in _ProcessState.engines.values()):
                _ProcessState.will_rest = False
                break
    memory.trim()
    memory.unmap_code(Path(sysconfig.get_path("platlib")))


class Engine:
    """One DuckDB instance. Use `for_process`; threads share it, but not cursors."""

    def __init__(
        self, folder: Path, limits: LaneLimits, *, files: Sequence[Path] = ()
    ) -> None:
        """Make an instance that reaches what is below `folder`, and `files`."""
        self.folder = folder
        self.limits = limits
        self._slots = threading.BoundedSemaphore(limits.concurrent)
        self._admitted = threading.BoundedSemaphore(limits.concurrent + limits.waiting)
        self._database = Database(folder, limits, files)

    @classmethod
    def for_process(cls, lane: Lane = Lane.INTERACTIVE) -> "Engine":
        """Return the instance of this process, made on first use after a fork."""
        with _ProcessState.lock:
            if _ProcessState.settings is None:
                raise RuntimeError("datasets.analytics.engine.configure was not called")
            if _ProcessState.pid != os.getpid():
                _close_all()
            if lane not in _ProcessState.engines:
                settings = _ProcessState.settings
                _ProcessState.engines[lane] = cls(
                    settings.data_dir, settings.lanes[lane]
                )
            _ProcessState.asked_at = time.monotonic()
            if not _ProcessState.will_rest:
                _ProcessState.will_rest = True
                threading.Thread(target=_rest_later, daemon=True).start()
            return _ProcessState.engines[lane]

    @contextmanager
    def cursor(self, *, timeout_s: float | None = None) -> Iterator["Cursor"]:
        """Return a cursor for one question; its queries share one deadline.

        Raises Busy when too many wait already, or when no slot is free in time.
        """
        with (
            _taken(self._admitted, 0.0),
            _taken(self._slots, self.limits.wait_s),
            self.unslotted_cursor(timeout_s=timeout_s) as cursor,
        ):
            yield cursor

    @contextmanager
    def unslotted_cursor(self, *, timeout_s: float | None = None) -> Iterator["Cursor"]:
        """Return a cursor that takes no slot: for streams paced by their reader."""
        with self._database.connection() as database:
            cursor = Cursor(database.cursor(), timeout_s or self.limits.timeout_s)
            try:
                yield cursor
            finally:
                cursor.close()

    def rest(self) -> bool:
        """Close the instance until somebody asks again; return False if it is busy."""
        return self._database.rest()

    def close(self) -> None:
        self._database.close()


@contextmanager
def _taken(places: threading.BoundedSemaphore, wait_s: float) -> Iterator[None]:
    if not places.acquire(timeout=wait_s):
        raise Busy("Too many queries are running. Try again in a moment.")
    try:
        yield
    finally:
        places.release()


class Cursor:
    """A DuckDB cursor whose results are always read to the end or closed."""

    def __init__(self, raw: "duckdb.DuckDBPyConnection", timeout_s: float) -> None:
        self._raw = raw
        self._deadline = time.monotonic() + timeout_s

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return every row. A result left open would own the connection."""
        with translated():
            self._limit()
            return self._raw.execute(sql, dict(parameters)).fetchall()

    def row(self, sql: str, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the only row of an aggregate."""
        return self.rows(sql, parameters)[0]

    def batches(
        self, sql: str, parameters: Mapping[str, Any], *, batch_rows: int
    ) -> "Iterator[pa.RecordBatch]":
        """Stream Arrow batches of up to `batch_rows` rows; memory stays bounded."""
        with translated():
            self._limit()
            # Of a DB-API result the reader would copy every row once more.
            relation = self._raw.sql(sql, params=dict(parameters))
            reader = relation.to_arrow_reader(batch_rows)
            try:
                yield from reader
            finally:
                reader.close()

    def table(self, sql: str, parameters: Mapping[str, Any]) -> "pa.Table":
        """Return a small result as an Arrow table."""
        with translated():
            self._limit()
            return self._raw.sql(sql, params=dict(parameters)).to_arrow_table()

    def columns(self, table: Source) -> list[TableColumn]:
        """Return the columns of a table in file order."""
        described = self.rows(f"DESCRIBE SELECT * FROM {table.sql}", table.parameters)  # noqa: S608
        return [TableColumn(row[0], row[1]) for row in described]

    def interrupt(self) -> None:
        """Stop this cursor's query from another thread."""
        self._raw.interrupt()

    def close(self) -> None:
        self._raw.close()

    def watch(self) -> None:
        """Make `progress` work for the queries to come."""
        self._raw.execute("SET enable_progress_bar=true")
        self._raw.execute("SET enable_progress_bar_print=false")
        self._raw.execute("SET progress_bar_time=0")

    def progress(self) -> float:
        """Return how much of the running query is done, a fraction in [0, 1].

        Asked from another thread; 0 when DuckDB cannot tell.
        """
        return float(min(max(self._raw.query_progress(), 0.0), 100.0)) / 100

    def check(self) -> None:
        """Raise QueryTimeout past the deadline: for passes outside DuckDB."""
        if time.monotonic() > self._deadline:
            raise QueryTimeout("The question took too long to answer.")

    def _limit(self) -> None:
        left_ms = int((self._deadline - time.monotonic()) * 1000)
        if left_ms <= 0:
            raise QueryTimeout("The question took too long to answer.")
        # A plain SET on the parent is not inherited by cursors: set it here.
        self._raw.execute(f"SET max_execution_time={left_ms}")


@contextmanager
def translated() -> Iterator[None]:
    """Translate DuckDB's errors: their messages name files and settings."""
    import duckdb  # noqa: PLC0415 - it is there already, or about to be

    try:
        yield
    except AnalyticsError:
        raise
    except duckdb.InterruptException:
        raise QueryTimeout("The question took too long to answer.") from None
    except (duckdb.OutOfMemoryException, MemoryError):
        raise TooHeavy("The question needs more memory than it may take.") from None
    except duckdb.IOException as error:
        logger.info("DuckDB could not read: %s", error)
        raise SourceMissing("The content could not be read.") from None
    except duckdb.Error as error:
        logger.info("DuckDB refused a query: %s", error)
        raise QueryFailed(
            "The query failed.", error_type=type(error).__name__
        ) from None
