"""HTTP as thin as it gets, so that the client's own cost does not count.

One kept connection, one request after the other.
"""

import socket
import time
from typing import Any

import orjson

from bench.mlflow.servers import Server

API = "/api/2.0/mlflow/"
IDLE_S = 2
FILES = "/api/2.0/mlflow-artifacts/artifacts/"


class Failed(Exception):
    """The server did not answer 200."""


class Wire:
    def __init__(self, server: Server) -> None:
        self._port = server.port
        self._connect()
        self._head = f"Host: 127.0.0.1:{server.port}\r\n"
        if server.token:
            self._head += f"Authorization: Bearer {server.token}\r\n"

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._used = time.monotonic()
        self._rest = b""

    def post(self, route: str, message: dict[str, Any]) -> Any:
        return orjson.loads(self.raw("POST", API + route, orjson.dumps(message)))

    def get(self, route: str) -> Any:
        return orjson.loads(self.raw("GET", API + route))

    def raw(self, method: str, path: str, body: bytes = b"") -> bytes:
        """Return the body of a 200. Raises Failed."""
        kind = "application/json" if method == "POST" else "application/octet-stream"
        head = (
            f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        if time.monotonic() - self._used > IDLE_S:  # servers close what is idle
            self._socket.close()
            self._connect()
        self._socket.sendall(head.encode() + body)
        answer = self._answer(f"{method} {path}")
        self._used = time.monotonic()
        return answer

    def _answer(self, what: str) -> bytes:
        received = self._rest
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head, received = received[:end].lower(), received[end + 4 :]
        if b"transfer-encoding: chunked" in head:
            body = self._chunks(received)
        else:
            size = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            parts, have = [received], len(received)
            while have < size:
                parts.append(self._more())
                have += len(parts[-1])
            joined = b"".join(parts)
            body, self._rest = joined[:size], joined[size:]
        if b" 200" not in head[:15]:
            raise Failed(what, head[:15], body[:300])
        return body

    def _chunks(self, received: bytes) -> bytes:
        body = []
        while True:
            while b"\r\n" not in received:
                received += self._more()
            line, received = received.split(b"\r\n", 1)
            size = int(line, 16)
            while len(received) < size + 2:
                received += self._more()
            body.append(received[:size])
            received = received[size + 2 :]
            if not size:
                self._rest = received
                return b"".join(body)

    def _more(self) -> bytes:
        if not (data := self._socket.recv(1 << 20)):
            raise Failed("the server closed the connection")
        return data
