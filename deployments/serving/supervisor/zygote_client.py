"""The supervisor's client of the zygote: requests forks, receives exit statuses."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

import deployments
from deployments.serving.logs import open_for_append
from deployments.serving.processes import NEVER_BEGAN

logger = logging.getLogger(__name__)

_ROOT = Path(deployments.__file__).parent.parent
_MODULE = "deployments.serving.child.zygote"
_KEPT = ("PATH", "LD_LIBRARY_PATH", "TZ", "TMPDIR", "MLOPS_LOG_FORMAT")
_SET = {
    "LANG": "C.UTF-8",
    # A thread pool that exists before the fork does not exist after it.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    # pyarrow's own allocator reserves a GiB of addresses, all that a process may have.
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
}
MAX_MESSAGE = 1 << 16
LEAVE_S = 5


class ZygoteClient:
    """Starts the zygote when it is first needed, and again if it died."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self.generation = 0
        self._unanswered: dict[str, Path] = {}
        self.ended: dict[str, int] = {}
        self.start_errors: dict[str, str] = {}
        self.started: dict[str, tuple[int, int]] = {}

    def warm_up(self) -> socket.socket:
        """Start the zygote unless it runs; it takes messages at once."""
        if self._control is None:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                self._process = self._start(theirs)
            ours.settimeout(0)
            self._control = ours
            self.generation += 1
        return self._control

    def fork(self, message: dict[str, Any], files: Mapping[str, int]) -> None:
        """Request a fork with `files` open. Raises OSError if that cannot be sent."""
        text = orjson.dumps({**message, "files": list(files)})
        socket.send_fds(self.warm_up(), [text], list(files.values()))
        self._unanswered[message["id"]] = Path(message["record_path"])

    def listen(self) -> None:
        """Read the zygote's messages: what `started`, what `ended`, and why."""
        while self._control is not None:
            try:
                text = self._control.recv(MAX_MESSAGE)
            except BlockingIOError:
                return
            except ConnectionError:
                text = b""
            if not text:
                logger.warning("the zygote is gone; the next process starts another")
                self.close()
                self._settle()
                return
            self._note(orjson.loads(text))

    def fileno(self) -> int | None:
        return None if self._control is None else self._control.fileno()

    def is_connected(self, generation: int) -> bool:
        """Whether the zygote of that generation is connected and reports exits."""
        return self._control is not None and generation == self.generation

    def close(self) -> None:
        """End the zygote; its forked processes keep running."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _note(self, message: dict[str, Any]) -> None:
        if "ended" in message:
            self._unanswered.pop(message["ended"], None)
            self.ended[message["ended"]] = message["status"]
            if "reason" in message:
                self.start_errors[message["ended"]] = message["reason"]
        else:
            self._unanswered.pop(message["started"], None)
            self.started[message["started"]] = (message["pid"], message["start_time"])

    def _settle(self) -> None:
        """Settle open requests of a dead zygote by the records of its forks."""
        for job_id, path in self._unanswered.items():
            try:
                record = orjson.loads(path.read_bytes())
            except FileNotFoundError:
                self.ended[job_id] = NEVER_BEGAN
            else:
                self.started[job_id] = (record["pid"], record["start_time"])
        self._unanswered.clear()

    def _start(self, theirs: socket.socket) -> "subprocess.Popen[bytes]":
        environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
        output = open_for_append(self._log)
        try:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", _MODULE, str(theirs.fileno())],
                cwd=_ROOT,
                env={**environment, **_SET},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            os.close(output)
