"""The gateway's end of `publishing`: a socket, read in order.

A message counts from the moment it lies in the socket: `drain` is called before a
request is answered, at most `routes.FRESH_S` after the last time, and by the event loop
at once. Applying a message may take longer than a request may be held up: it is done
piece by piece, and acknowledged when it is done.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from deployments.serving.processes import discard
from deployments.serving.publishing import ENDING
from deployments.serving.sockets import reachable

logger = logging.getLogger(__name__)

BACKLOG = 64
CHUNK = 1 << 16
Take = Callable[[dict[str, Any]], None]
Act = Callable[[float], bool]
PIECE_S = 0.005


@dataclass(slots=True)
class Subscription:
    """Listens in `folder` under the gateway's id.

    `take` notes a message; `act` applies the messages for so many seconds, and returns
    whether that is all.
    """

    folder: Path
    gateway_id: str
    take: Take
    act: Act
    _owed: dict[socket.socket, int] = field(default_factory=dict)
    _goes_on: bool = False
    _listener: socket.socket | None = None
    _talking: dict[socket.socket, bytes] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / f"{self.gateway_id}{ENDING}"

    def open(self) -> None:
        """Listen from now on. What is read after this misses nothing.

        The socket gets its name when it takes connections: one that refuses them
        belongs to a dead gateway.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self.folder / f".{self.gateway_id}{ENDING}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.setblocking(False)  # noqa: FBT003 - socket's own signature
        with reachable(part) as address:
            self._listener.bind(address)
        part.chmod(0o600)
        self._listener.listen(BACKLOG)
        os.replace(part, self.path)  # noqa: PTH105 - a socket has no bytes to copy
        loop = asyncio.get_running_loop()
        loop.add_reader(self._listener.fileno(), self.drain)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for each in [self._listener, *self._talking]:
            if each is not None:
                loop.remove_reader(each.fileno())
                each.close()
        self._talking.clear()
        self._listener = None
        discard(self.path)

    def drain(self) -> None:
        """Take all messages received so far, and begin to apply them."""
        if self._listener is None:
            return
        with contextlib.suppress(OSError):  # nobody more, or no descriptor is left
            while True:
                connection, _ = self._listener.accept()
                connection.setblocking(False)  # noqa: FBT003
                self._talking[connection] = b""
                loop = asyncio.get_running_loop()
                loop.add_reader(connection.fileno(), self.drain)
        for connection in [*self._talking]:
            self._receive(connection)
        self.go_on()

    def go_on(self, limit_s: float = PIECE_S) -> None:
        """Apply messages for a moment, and later again until all are applied."""
        if not self.act(limit_s):
            if not self._goes_on:
                self._goes_on = True
                asyncio.get_running_loop().call_soon(self._go_on_later)
            return
        for connection, number in self._owed.items():
            with contextlib.suppress(OSError):
                connection.send(b"%d\n" % number)
        self._owed.clear()

    def _go_on_later(self) -> None:
        self._goes_on = False
        if self._listener is not None:
            self.go_on()

    def _receive(self, connection: socket.socket) -> None:
        heard, is_over = self._talking[connection], False
        try:
            while chunk := connection.recv(CHUNK):
                heard += chunk
            is_over = True
        except BlockingIOError:
            pass
        except OSError:
            is_over = True
        *lines, self._talking[connection] = heard.split(b"\n")
        for line in lines:
            message = orjson.loads(line)
            self.take(message)
            self._owed[connection] = message["number"]
        if is_over:  # the sender is gone; what it sent counts
            self._owed.pop(connection, None)
            asyncio.get_running_loop().remove_reader(connection.fileno())
            del self._talking[connection]
            connection.close()
