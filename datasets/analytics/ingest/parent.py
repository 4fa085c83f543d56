"""The caller's side of an ingestion: starts the child, watches it, cleans up."""

import contextlib
import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson

from datasets.analytics import child_environment
from datasets.analytics.errors import IngestRefused
from datasets.analytics.exit_reasons import ExitReason, exit_code_name, exit_reason
from datasets.analytics.ingest.model import (
    Base,
    InputFile,
    Limits,
    Options,
    Outcome,
    Progress,
)

logger = logging.getLogger(__name__)

CHILD = "datasets.analytics.ingest.child"
OUTCOME_FILE = "outcome.json"
PROGRESS_FILE = "progress.json"
LOG_FILE = "child.log"
TOO_LONG = "Reading the file took too long."
TOO_HEAVY = "The file could not be read within the limits of memory."
KILLED = (
    "The process that read the file was killed from outside, as a machine does that has"
    " no memory left."
)
DISK_FULL = "The disk of the server is full; the file could not be read."
_MAX_ANSWER_BYTES = 64 << 20
_LOG_BYTES = 2_000
_POLL_S = 0.05


class Ingestion:
    """A conversion in a child process. Call `poll` until it returns an outcome."""

    def __init__(
        self, folder: Path, process: "subprocess.Popen[bytes]", wall_s: float
    ) -> None:
        self.folder = folder
        self._process = process
        self._deadline = time.monotonic() + wall_s
        self._is_late = False

    @property
    def pid(self) -> int:
        return self._process.pid

    def progress(self) -> Progress:
        """Return the child's last progress report; never waits."""
        try:
            body = orjson.loads((self.folder / PROGRESS_FILE).read_bytes())
            return Progress(**body)
        except (OSError, ValueError, TypeError):
            return Progress()

    def poll(self) -> Outcome | None:
        """Return the outcome, None while it runs. Never waits.

        Raises IngestRefused when the file cannot become a table, or the child was
        ended by a limit or by `kill`; the folder is then gone.
        """
        if self._process.poll() is None:
            if time.monotonic() < self._deadline:
                return None
            self._is_late = True
            self._stop()
        self._close()
        try:
            outcome = self._outcome()
        except IngestRefused:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        for name in (OUTCOME_FILE, PROGRESS_FILE, LOG_FILE):
            (self.folder / name).unlink(missing_ok=True)
        return outcome

    def kill(self) -> None:
        """Kill the child and remove its files. Idempotent."""
        self._stop()
        self._close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _close(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()

    def _outcome(self) -> Outcome:
        code = self._process.returncode
        if self._is_late:
            raise IngestRefused("timeout", TOO_LONG)
        answer = self.folder / OUTCOME_FILE
        if code != 0 or not answer.is_file():
            raise self._ended(code)
        if answer.stat().st_size > _MAX_ANSWER_BYTES:
            raise IngestRefused("invalid_file", "The file cannot be described.")
        body = orjson.loads(answer.read_bytes())
        if "refused" in body:
            refused = body["refused"]
            raise IngestRefused(**refused.pop("extra"), **refused)
        return Outcome.from_json(body["outcome"])

    def _ended(self, code: int) -> IngestRefused:
        """Return why there is no outcome, by how the child ended."""
        log = self._log()
        logger.warning("An ingestion ended with code %s: %r", code, log)
        match exit_reason(code, log):
            case ExitReason.TIME:
                return IngestRefused("timeout", TOO_LONG)
            case ExitReason.MEMORY:
                return IngestRefused("too_heavy", TOO_HEAVY)
            case ExitReason.KILLED:
                return IngestRefused("reader_killed", KILLED)
            case ExitReason.DISK:
                return IngestRefused("no_room", DISK_FULL)
        return IngestRefused(
            "reader_crashed",
            f"The file made the process that read it crash ({exit_code_name(code)}).",
        )

    def _log(self) -> bytes:
        try:
            return (self.folder / LOG_FILE).read_bytes()[-_LOG_BYTES:]
        except OSError:
            return b""


def start(
    files: Sequence[InputFile],
    folder: Path,
    *,
    options: Options | None = None,
    limits: Limits | None = None,
    base: Base | None = None,
) -> Ingestion:
    """Start to convert the files into `folder`; an earlier attempt may have left it.

    The rows follow those of `base`, if there is one. On success the folder holds
    data.parquet, sample.parquet (10,000 random rows), head.json (the first 100 rows)
    and profile.json, and nothing else.
    """
    limits = limits or Limits()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    order = {
        "files": [
            {"path": str(file.path.resolve()), "name": file.name} for file in files
        ],
        "folder": str(folder.resolve()),
        "options": asdict(options or Options()),
        "limits": asdict(limits),
        "base": {**asdict(base), "path": str(base.path.resolve())} if base else None,
    }
    process = _spawn(folder)
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    # The pipe stays open: the child ends when its parent is gone.
    process.stdin.write(orjson.dumps(order) + b"\n")
    process.stdin.flush()
    return Ingestion(folder, process, limits.wall_s + 5)


def convert(
    files: Sequence[InputFile],
    folder: Path,
    *,
    options: Options | None = None,
    limits: Limits | None = None,
    base: Base | None = None,
) -> Outcome:
    """Convert the files and wait for the outcome. Raises IngestRefused."""
    ingestion = start(files, folder, options=options, limits=limits, base=base)
    try:
        while (outcome := ingestion.poll()) is None:
            time.sleep(_POLL_S)
    except BaseException:
        ingestion.kill()
        raise
    return outcome


def _spawn(folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / LOG_FILE).open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=folder,
            env=child_environment.environment(),
            start_new_session=True,
        )
