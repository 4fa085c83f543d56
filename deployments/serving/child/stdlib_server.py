"""HTTP/1.1 for one model server with nothing but the standard library.

A model's own interpreter need not have uvicorn. Gateways are the only clients: what
they do not send (pipelines, bodies of unknown length) is not taken.
"""

import asyncio
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from deployments.serving.child.app import ModelServer
from deployments.serving.child.runner import Runner
from deployments.serving.http1.answers import whole
from deployments.serving.http1.binary import json_bytes_of
from deployments.serving.http1.internal_headers import FOR_GATEWAYS

DRAIN_S = 10.0
MAX_HEAD_BYTES = 1 << 16
END = b"\r\n\r\n"


class Unclear(Exception):
    """The request cannot be read; its connection is of no more use."""


@dataclass(frozen=True, slots=True)
class PlainHead:
    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body_bytes: int
    stays_open: bool


def host(
    app: ModelServer, runner: Runner, listener: socket.socket, ready: Callable[[], None]
) -> None:
    """Serve until SIGTERM, then end what is under way, within DRAIN_S."""
    asyncio.run(Host(app).run(runner, listener, ready))


@dataclass(slots=True)
class Host:
    app: ModelServer
    _idle: set[asyncio.StreamWriter] = field(default_factory=set)
    _busy: set[asyncio.StreamWriter] = field(default_factory=set)
    _leaving: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(
        self, runner: Runner, listener: socket.socket, ready: Callable[[], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._leaving.set)
        server = await asyncio.start_unix_server(
            self._talk, sock=listener, limit=MAX_HEAD_BYTES
        )
        watch = asyncio.create_task(runner.watch())
        ready()
        await self._leaving.wait()
        server.close()
        for each in self._idle:
            each.close()
        deadline = loop.time() + DRAIN_S
        while self._busy and loop.time() < deadline:
            await asyncio.sleep(0.01)
        watch.cancel()
        await asyncio.wait([watch])

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            stays_open = True
            while stays_open and not self._leaving.is_set():
                stays_open = await self._exchange(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        finally:
            self._idle.discard(writer)
            self._busy.discard(writer)
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; say whether the connection can take another."""
        self._idle.add(writer)
        try:
            raw = await reader.readuntil(END)
        except asyncio.LimitOverrunError:
            raw = b""
        self._idle.discard(writer)
        self._busy.add(writer)
        try:
            head = read_head(raw)
            wire = await self._answer(head, reader)
        except Unclear as unclear:
            head, wire = None, whole(400, b'{"error":"%b"}' % str(unclear).encode())
        writer.write(wire)
        await writer.drain()
        self._busy.discard(writer)
        return head is not None and head.stays_open

    async def _answer(self, head: PlainHead, reader: asyncio.StreamReader) -> bytes:
        """Give the request to the model server as ASGI; return what it sends."""
        scope = {
            "type": "http",
            "method": head.method,
            "path": unquote(head.target.partition("?")[0]),
            "headers": head.headers,
        }
        left = head.body_bytes
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            nonlocal left
            body = await reader.readexactly(min(left, MAX_HEAD_BYTES))
            left -= len(body)
            return {"type": "http.request", "body": body, "more_body": left > 0}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        while left:  # what was not looked at, as of a path that is not here
            await receive()
        status, body = sent[0]["status"], sent[1]["body"]
        more = b"".join(
            b"%b: %b\r\n" % (name, value)
            for name, value in sent[0]["headers"]
            if name in FOR_GATEWAYS
        )
        wire = whole(status, body, more, json_bytes_of(sent[0]["headers"]))
        return wire[: len(wire) - len(body)] if head.method == "HEAD" else wire


def read_head(raw: bytes) -> PlainHead:
    """Return a request's head. Raises Unclear for what only others would send."""
    first, *lines = raw.removesuffix(END).split(b"\r\n")
    parts = first.decode("latin-1").split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.1", "HTTP/1.0"):  # noqa: PLR2004 - method, target, version
        raise Unclear("This is not HTTP/1.1, or its head is too long.")
    headers = []
    for line in lines:
        name, _, value = line.partition(b":")
        headers.append((name.strip().lower(), value.strip()))
    known = dict(headers)
    length = known.get(b"content-length", b"0")
    if b"transfer-encoding" in known or not length.isdigit():
        raise Unclear("A body must come with its Content-Length.")
    stays_open = (
        parts[2] == "HTTP/1.1" and known.get(b"connection", b"").lower() != b"close"
    )
    return PlainHead(parts[0], parts[1], headers, int(length), stays_open)
