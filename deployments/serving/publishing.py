"""Publishing of routes to gateways: files, and messages that they changed.

An entry has a name ("routes/…", "backends/…", "keys") and a file of that name below the
run folder, replaced as a whole. Each gateway listens at a socket of its own in
`run/gateways`; it is sent the names that changed, in order, and acknowledges with the
number of the last message that it has applied. So it is known, not guessed, when a
change has taken effect. Knows no Django.
"""

import contextlib
import hashlib
import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import orjson

from deployments.serving.processes import discard, write_atomically
from deployments.serving.sockets import reachable

logger = logging.getLogger(__name__)

SETTLE_S = 1.0
"""How long a gateway that lives but does not answer is waited for."""
LATE_S = 0.15
"""How long one that did not answer the last time; above `routes.FRESH_S`."""
FORGET_S = 60.0
ENDING = ".sock"
KEYS = "keys"
"""The name of who may ask every model: `open`, or SHA-256 `digests` of tokens."""


def route_name(environment: str, model_name: str) -> str:
    """Return the slot's name; a model's may be longer than a file's can be."""
    digest = hashlib.sha256(model_name.encode()).hexdigest()[:32]
    return f"routes/{environment}--{digest}"


class Publishing(Protocol):
    """Interface by which a supervisor publishes routes to gateways."""

    def put(self, name: str, value: dict[str, Any]) -> None:
        """Publish `value` under `name`. Raises OSError; then the old value holds."""

    def drop(self, name: str) -> None: ...

    def settle(self) -> None:
        """Return when no gateway acts by anything older than what was put so far.

        That takes milliseconds; a gateway that lives but does not react is waited for
        a second at most: it looks for messages before it answers anybody again.
        """

    def complete(self) -> None:
        """Mark the routes as complete: a slot without a route does not exist."""

    def close(self) -> None:
        """Close the connections; the gateways keep the last published routes."""


@dataclass(slots=True)
class _Listener:
    """A connection to one gateway, and the last message that it has applied."""

    connection: socket.socket
    acted_on: int = 0
    unsent: bytes = b""
    received: bytes = b""
    is_late: bool = False

    def send(self, message: dict[str, Any]) -> None:
        self.unsent += orjson.dumps(message) + b"\n"
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes. Raises OSError when it is broken."""
        with contextlib.suppress(BlockingIOError):
            while self.unsent:
                self.unsent = self.unsent[self.connection.send(self.unsent) :]

    def receive(self) -> None:
        """Read its acknowledgements. Raises OSError when it is gone."""
        with contextlib.suppress(BlockingIOError):
            while True:
                if not (chunk := self.connection.recv(4096)):
                    raise ConnectionResetError("it is gone")
                self.received += chunk
        lines, newline, self.received = self.received.rpartition(b"\n")
        if newline:
            self.acted_on = int(lines.rpartition(b"\n")[2])
            self.is_late = False


@dataclass(slots=True)
class FilePublisher:
    """Publishes by files and Unix sockets. Safe to call from several threads."""

    run: Path
    number: int = 0
    is_complete: bool = False
    _listeners: dict[str, _Listener] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def put(self, name: str, value: dict[str, Any]) -> None:
        with self._lock:
            if self._replace(self.run / f"{name}.json", value):
                self._send_all(names=[name])

    def drop(self, name: str) -> None:
        with self._lock:
            path = self.run / f"{name}.json"
            if path.exists():
                path.unlink()
                self._send_all(names=[name])

    def complete(self) -> None:
        with self._lock:
            if not self.is_complete:
                self.is_complete = True
                self._send_all(names=[])

    def settle(self) -> None:
        began = time.monotonic()
        with self._lock:
            self.connect_new()
            number = self.number
        while waiting := self._behind(number):
            limit_s = LATE_S if all(one.is_late for one in waiting) else SETTLE_S
            left_s = began + limit_s - time.monotonic()
            if left_s <= 0:
                self._go_on_without(waiting)
                return
            _wait(waiting, left_s)

    def connect_new(self) -> None:
        """Connect to gateways that are new; remove what dead ones left behind."""
        with self._lock:
            found = {path.stem: path for path in self._sockets()}
            for gone in self._listeners.keys() - found.keys():
                self._listeners.pop(gone).connection.close()
            for gateway, path in found.items():
                if gateway not in self._listeners:
                    self._connect(gateway, path)
            self._each(_exchange)

    def close(self) -> None:
        """Close the connections; the gateways keep the last published routes."""
        with self._lock:
            for each in self._listeners.values():
                each.connection.close()
            self._listeners.clear()
            self.is_complete = False

    def _send_all(self, **message: Any) -> None:
        """Send to every gateway; a new one is sent "read everything" instead."""
        self.number += 1
        known = {id(one) for one in self._listeners.values()}
        self.connect_new()
        whole = self._message(**message)
        self._each(lambda one: one.send(whole) if id(one) in known else None)

    def _message(self, **message: Any) -> dict[str, Any]:
        return {"number": self.number, "complete": self.is_complete, **message}

    def _connect(self, gateway: str, path: Path) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.setblocking(False)  # noqa: FBT003 - socket's own signature
        try:
            with reachable(path) as address:
                connection.connect(address)
            listener = _Listener(connection)
            listener.send(self._message(all=True))
        except (ConnectionRefusedError, FileNotFoundError):
            connection.close()
            discard(path, path.with_suffix(".json"))  # nobody listens: it is dead
        except OSError as error:
            connection.close()
            logger.warning("gateway %s cannot be reached: %s", gateway, error)
        else:
            self._listeners[gateway] = listener

    def _each(self, act: Callable[[_Listener], None]) -> list[_Listener]:
        """Act on every listener and return them, without those that are gone."""
        for gateway, each in [*self._listeners.items()]:
            try:
                act(each)
            except OSError:
                each.connection.close()
                del self._listeners[gateway]
        return [*self._listeners.values()]

    def _behind(self, number: int) -> list[_Listener]:
        with self._lock:
            return [one for one in self._each(_exchange) if one.acted_on < number]

    def _go_on_without(self, waiting: list[_Listener]) -> None:
        """Go on without gateways that are stopped or stuck.

        Their messages lie in their sockets, which they read before they answer anybody
        again.
        """
        if not all(one.is_late for one in waiting):
            logger.warning("%d gateways do not react; going on", len(waiting))
        for each in waiting:
            each.is_late = True

    def _replace(self, path: Path, value: dict[str, Any]) -> bool:
        """Replace the file if it says something else."""
        with contextlib.suppress(FileNotFoundError):
            if path.read_bytes() == orjson.dumps(value):
                return False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, value)
        return True

    def _sockets(self) -> list[Path]:
        """Return where gateways listen; records older than a minute are removed.

        What they count together lies in files beside, which they map: a write there
        makes no file younger.
        """
        folder, found = self.run / "gateways", []
        with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if path.suffix == ENDING and entry.name[0] != ".":
                    found.append(path)
                elif _is_record(entry.name) and _is_old(path):
                    discard(path)
        return found


def _exchange(listener: _Listener) -> None:
    listener.flush()
    listener.receive()


def _wait(listeners: list[_Listener], seconds: float) -> None:
    poller = select.poll()
    for each in listeners:
        wanted = select.POLLIN | (select.POLLOUT if each.unsent else 0)
        with contextlib.suppress(ValueError):  # closed meanwhile, by another thread
            poller.register(each.connection, wanted)
    poller.poll(seconds * 1000)


def _is_record(name: str) -> bool:
    """Whether it is a gateway's own file, or a temporary file or socket."""
    return name.endswith(".json") or name.startswith(".")


def _is_old(path: Path) -> bool:
    try:
        return path.stat().st_mtime < time.time() - FORGET_S
    except FileNotFoundError:
        return False
