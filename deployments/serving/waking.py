"""Wakes the worker, and says when it has acted. Knows no Django.

Only latency depends on it: a worker that was not woken looks by itself soon.
"""

import contextlib
import logging
import os
import select
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from deployments.serving.sockets import reachable

logger = logging.getLogger(__name__)

BACKLOG = 1024
DONE = b"1"
LOOK_S = 0.25
"""How soon a worker that waits to be woken sees that it is to stop."""


class Waker(Protocol):
    """Socket by which the web process and gateways wake the worker."""

    def wake(self) -> None: ...

    def wake_and_wait(self, limit_s: float) -> bool:
        """Return once a pass that began after this call has done its part.

        False when none has in time, and at once when no worker leads.
        """


class WakeClient:
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


class WakeSocket:
    """The worker's end: `wait` for the next call, `answer` those taken so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._poller = select.poll()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.dismiss()
        self._hang_up()

    def listen(self) -> None:
        """Bind the socket's path, replacing an earlier worker's."""
        self._hang_up()
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        part.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)  # noqa: FBT003 - socket's own signature
        try:
            with reachable(part) as address:
                listener.bind(address)
            listener.listen(BACKLOG)
            part.replace(self._path)
        except OSError as error:
            logger.warning("Nobody can wake the worker: %s", error)
            listener.close()
            return
        self._listener = listener
        self._poller.register(listener, select.POLLIN)

    def wait(self, seconds: float, stopping: threading.Event) -> bool:
        """Accept wake-ups; return whether any came within `seconds`."""
        deadline, called = time.monotonic() + seconds, False
        while not stopping.is_set():
            left_s = max(deadline - time.monotonic(), 0.0)
            called = bool(self._poller.poll(min(left_s, LOOK_S) * 1000))
            if called or left_s <= LOOK_S:
                break
        if self._listener is None:
            return False
        with contextlib.suppress(OSError):
            while True:
                line, _ = self._listener.accept()
                self._lines.append(line)
        return called

    def answer(self) -> None:
        """Acknowledge the accepted wake-ups: what they wait for has taken effect."""
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.send(DONE, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
        self.dismiss()

    def dismiss(self) -> None:
        """Close the accepted connections without an answer."""
        for line in self._lines:
            line.close()
        self._lines.clear()

    def _hang_up(self) -> None:
        if self._listener is not None:
            self._poller.unregister(self._listener)
            self._listener.close()
            self._listener = None
