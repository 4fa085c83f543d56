"""Wakes the worker, and says when it has acted. Knows no Django.

Nothing depends on it but time: a worker that was not woken looks by itself soon.
"""

import contextlib
import logging
import os
import select
import socket
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from deployments.serving.sockets import reachable

logger = logging.getLogger(__name__)

BACKLOG = 1024
DONE = b"1"


class Waking(Protocol):
    """What whoever writes rows needs of the way to the worker."""

    def wake(self) -> None: ...

    def wake_and_wait(self, limit_s: float) -> bool:
        """Return once a pass that began after this call has done its part.

        False when none has in time, and at once when no worker leads.
        """


class Bell:
    """Wakes the worker that listens at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def wake(self) -> None:
        with contextlib.suppress(OSError):
            self._connected(0.0).close()

    def wake_and_wait(self, limit_s: float) -> bool:
        try:
            with self._connected(limit_s) as line:
                line.settimeout(limit_s)
                return line.recv(1) == DONE
        except OSError:  # nobody is there, or it takes longer
            return False

    def _connected(self, limit_s: float) -> socket.socket:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.settimeout(limit_s)
            with reachable(self._path) as address:
                line.connect(address)
        except BaseException:
            line.close()
            raise
        return line


class Calls:
    """The worker's end: `wait` for the next call, `answer` those taken so far.

    It takes the path over from a worker that led before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[socket.socket] = []
        self._poller = select.poll()

    def __enter__(self) -> Self:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)  # noqa: FBT003 - socket's own signature
        try:
            with reachable(part) as address:
                self._listener.bind(address)
            self._listener.listen(BACKLOG)
            self._poller.register(self._listener, select.POLLIN)
            part.replace(self._path)
        except OSError as error:
            logger.warning("Nobody can wake the worker: %s", error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.dismiss()
        self._listener.close()

    def wait(self, seconds: float) -> None:
        """Return when called, at the latest after `seconds`; take the calls in."""
        self._poller.poll(seconds * 1000)
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self._lines.append(line)

    def answer(self) -> None:
        """Tell those whose calls were taken that what they wait for is done."""
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.send(DONE, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
        self.dismiss()

    def dismiss(self) -> None:
        """Let the others go without an answer."""
        for line in self._lines:
            line.close()
        self._lines.clear()
