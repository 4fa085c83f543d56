"""The caller's side: starts the process, reads its result, enforces limits."""

import logging
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import orjson

from datasets.analytics import child_environment, engine
from datasets.analytics.console import model
from datasets.analytics.console.model import (
    Form,
    SqlLimit,
    SqlRefused,
    SqlRequest,
    SqlUnavailable,
    StatementLimits,
    StatementOutcome,
)
from datasets.analytics.console.slots import slot
from datasets.analytics.errors import AnalyticsError, SourceMissing
from datasets.analytics.exit_reasons import ExitReason, exit_code_name, exit_reason

logger = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("bootstrap.py")
CHUNK_BYTES = 256 << 10
_REPORT_BYTES = 1 << 20
_LOG_BYTES = 2_000
KILLED = (
    "The process that answered was killed from outside, as a machine does that has no"
    " memory left; ask again."
)
_CLASSES = {each.__name__: each for each in (SqlRefused, SqlLimit)}


def ask(
    request: SqlRequest, target: BinaryIO, limits: StatementLimits | None = None
) -> StatementOutcome:
    """Run a statement; write the result to `target`, return its metadata.

    A page is a JSON list of rows. After an error, part of the result may be written.
    Raises SqlRefused, SqlLimit, SqlUnavailable, SourceMissing or Busy.
    """
    limits = limits or StatementLimits()
    _require_names(request)
    known = engine.settings()
    if known is None:
        raise RuntimeError("datasets.analytics.engine.configure was not called")
    with slot(known.data_dir, limits), _opened(request.tables) as numbers:
        return _ChildRun(request, numbers, limits).run(target)


def _require_names(request: SqlRequest) -> None:
    if (
        not request.sql.strip()
        or len(request.sql) > model.MAX_SQL
        or "\x00" in request.sql
    ):
        raise SqlRefused(
            "sql_not_one_statement",
            f"A statement has between 1 and {model.MAX_SQL} characters.",
        )
    names = [name.lower() for name in request.tables]
    for name in names:
        if not model.TABLE_NAME.fullmatch(name) or name.startswith("__"):
            raise SqlRefused(
                "sql_table_name", f"A table cannot be called {name!r}.", field="tables"
            )
        if names.count(name) > 1:
            raise SqlRefused(
                "sql_table_name", f"Two tables are called {name!r}.", field="tables"
            )


@contextmanager
def _opened(tables: Mapping[str, Path]) -> Iterator[dict[str, int]]:
    """Open the tables: the child gets descriptors and sees no path of ours."""
    with ExitStack() as stack:
        numbers = {}
        for name, path in tables.items():
            try:
                number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                raise SourceMissing("The content of this version is missing.") from None
            stack.callback(os.close, number)
            numbers[name] = number
        yield numbers


class _ChildRun:
    """One run of the child, from its start to its end."""

    def __init__(
        self, request: SqlRequest, numbers: dict[str, int], limits: StatementLimits
    ) -> None:
        self._limits = limits
        self._log = b""
        is_page = request.form is Form.PAGE
        self._most = limits.page_bytes if is_page else limits.file_bytes
        self._deadline = time.monotonic() + limits.wall_s
        self._report, report_end = os.pipe()
        order = {
            "sql": request.sql,
            "tables": numbers,
            "form": request.form,
            "offset": request.offset,
            "limit": request.limit,
            "limits": asdict(limits),
            "parent": os.getpid(),
            "report": report_end,
        }
        try:
            self._process = _spawn([*numbers.values(), report_end])
        except BaseException:
            os.close(self._report)
            raise
        finally:
            os.close(report_end)
        self._order = orjson.dumps(order) + b"\n"

    def run(self, target: BinaryIO) -> StatementOutcome:
        try:
            report = self._read(target)
        finally:
            self._process.kill()
            code = self._process.wait()
            os.close(self._report)
            for pipe in (p := self._process).stdin, p.stdout, p.stderr:
                if pipe is not None:
                    pipe.close()
        return self._outcome(report, code)

    def _read(self, target: BinaryIO) -> bytes:
        """Copy the result as it comes; return the report, once both pipes are shut."""
        assert self._process.stdin is not None  # noqa: S101 - pipes were asked for
        assert self._process.stdout is not None  # noqa: S101
        assert self._process.stderr is not None  # noqa: S101
        try:
            self._process.stdin.write(self._order)
            self._process.stdin.close()
        except BrokenPipeError:
            logger.info("The process for SQL ended before it was asked.")
        result, written = self._process.stdout.fileno(), 0
        log, report = self._process.stderr.fileno(), bytearray()
        with selectors.DefaultSelector() as ready:
            for number in (result, log, self._report):
                ready.register(number, selectors.EVENT_READ)
            while ready.get_map():
                for key, _ in self._waited(ready):
                    chunk = os.read(key.fd, CHUNK_BYTES)
                    if not chunk:
                        ready.unregister(key.fd)
                    elif key.fd == result:
                        written += len(chunk)
                        self._require(written, self._most)
                        target.write(chunk)
                    elif key.fd == log:
                        self._log = (self._log + chunk)[-_LOG_BYTES:]
                    else:
                        report += chunk
                        self._require(len(report), _REPORT_BYTES)
        return bytes(report)

    def _waited(
        self, ready: selectors.DefaultSelector
    ) -> list[tuple[selectors.SelectorKey, int]]:
        left_s = self._deadline - time.monotonic()
        found = ready.select(left_s) if left_s > 0 else []
        if not found:
            raise self._too_long()
        return found

    def _require(self, size: int, most: int) -> None:
        if size > most:
            raise SqlLimit(
                "sql_output_limit",
                f"The result has more than {self._most >> 20} MiB.",
            )

    def _too_long(self) -> SqlLimit:
        return SqlLimit(
            "sql_time_limit",
            f"The statement takes more than {self._limits.cpu_s} s of a processor, or "
            f"{self._limits.wall_s:g} s in all.",
        )

    def _outcome(self, report: bytes, code: int) -> StatementOutcome:
        if not report:
            raise self._ended(code)
        body = orjson.loads(report)
        if "refused" in body:
            raise _refusal(body["refused"])
        return StatementOutcome.from_json(body["outcome"])

    def _ended(self, code: int) -> AnalyticsError:
        """Return why there is no report: a child that is alive always writes one."""
        logger.info("SQL ended with code %s: %r", code, self._log)
        match exit_reason(code, self._log):
            case ExitReason.TIME:
                return self._too_long()
            case ExitReason.MEMORY:
                return SqlLimit(
                    "sql_memory_limit",
                    "The statement cannot be answered within the limits of memory.",
                )
            case ExitReason.KILLED:
                return SqlUnavailable(KILLED, code="sql_killed")
        return SqlRefused(
            "sql_crashed",
            "The statement made the process that answered it crash"
            f" ({exit_code_name(code)}).",
        )


def _refusal(body: Mapping[str, str]) -> AnalyticsError:
    found = _CLASSES.get(body["class"])
    if found is None:
        return SqlUnavailable(body["message"])
    return found(body["code"], body["message"])


def _spawn(numbers: list[int]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own module, no shell
        [sys.executable, os.fspath(PROGRAM)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env=child_environment.environment()
        | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        pass_fds=numbers,
        start_new_session=True,
    )
