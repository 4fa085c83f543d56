"""One locked-down DuckDB, open while somebody asks it and for a while after."""

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datasets.analytics.sql import quote_literal

if TYPE_CHECKING:
    import duckdb

TEMP_FOLDER = "duckdb_tmp"
_CURSOR_SETTINGS = (
    "max_execution_time",
    "enable_progress_bar",
    "enable_progress_bar_print",
    "progress_bar_time",
)


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """Limits of one lane. Sizes as DuckDB writes them (`512MB`).

    `concurrent` queries run at once; `waiting` more may wait for `wait_s`. Each waiting
    one holds a thread of the web server. `without` names optimizers of DuckDB that are
    disabled.
    """

    threads: int
    memory_limit: str
    temp_limit: str
    timeout_s: float
    concurrent: int
    wait_s: float
    waiting: int = 8
    without: str = ""


class Database:
    """Reaches what is below `folder`, and `files`; opened by who asks first."""

    def __init__(
        self, folder: Path, limits: LaneLimits, files: Sequence[Path] = ()
    ) -> None:
        self._place = folder, limits, files
        self._lock = threading.Lock()
        self._users = 0
        self._opened: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def connection(self) -> "Iterator[duckdb.DuckDBPyConnection]":
        """Return the connection to make cursors of; it stays open meanwhile."""
        with self._lock:
            if self._opened is None:
                self._opened = _open_locked(*self._place)
            self._users += 1
            opened = self._opened
        try:
            yield opened
        finally:
            with self._lock:
                self._users -= 1

    def rest(self) -> bool:
        """Close it, with what it has cached, unless it is in use; return whether."""
        with self._lock:
            if self._users:
                return False
            self._close()
            return True

    def close(self) -> None:
        """Close it, whoever uses it."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None


def _open_locked(
    folder: Path, limits: LaneLimits, files: Sequence[Path]
) -> "duckdb.DuckDBPyConnection":
    """Open an in-memory database and lock it. The order of the steps matters."""
    import duckdb  # noqa: PLC0415 - 20 MB, for who asks a question only

    temp_dir = _temp_dir(folder)
    allowed = ", ".join(quote_literal(str(file)) for file in files)
    database = duckdb.connect(
        config={
            "threads": limits.threads,
            "memory_limit": limits.memory_limit,
            "temp_directory": str(temp_dir),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
        }
    )
    # In connect(config=...) the first is shown but not enforced, allowed_* refused.
    for statement in (
        f"SET max_temp_directory_size={quote_literal(limits.temp_limit)}",
        f"SET GLOBAL max_execution_time={int(limits.timeout_s * 1000)}",
        "SET GLOBAL TimeZone='UTC'",
        "SET GLOBAL parquet_metadata_cache=true",
        f"SET disabled_optimizers={quote_literal(limits.without)}",
        f"SET allowed_paths=[{allowed}]",
        f"SET allowed_directories=[{quote_literal(f'{folder}/')}]",
        "SET enable_external_access=false",
        f"SET allowed_configs=[{', '.join(map(quote_literal, _CURSOR_SETTINGS))}]",
        "SET lock_configuration=true",
    ):
        database.execute(statement)
    return database


def _temp_dir(folder: Path) -> Path:
    """Return where this process may spill; remove what killed processes left."""
    parent = folder / TEMP_FOLDER
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in parent.iterdir():
        if not Path("/proc", left.name).exists():
            shutil.rmtree(left, ignore_errors=True)
    return parent / str(os.getpid())
