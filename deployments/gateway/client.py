"""A keep-alive HTTP/1.1 client over Unix sockets, as small as the job allows."""

import asyncio
import time
from dataclasses import dataclass

import httptools

LAST_MOMENT_S = 0.01


class CannotConnect(Exception):
    """Nobody listens: not a byte of the request was sent."""


class ClosedEarly(Exception):
    """The connection ended before the first byte of an answer."""


class BrokeOff(Exception):
    """The connection ended within an answer, of which nothing was passed on yet."""


class BadAnswer(Exception):
    """The answer is too large, or is not HTTP."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content_type: bytes
    body: bytes


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._begun = False
        self._reset()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, wire: bytes, timeout_s: float) -> Answer:
        """Send a whole request and return the answer.

        Raises ClosedEarly, BrokeOff, BadAnswer or TimeoutError; the connection is
        closed then.
        """
        transport, loop = self._transport, asyncio.get_running_loop()
        if transport is None or transport.is_closing():
            raise ClosedEarly
        self._reset()
        waiting = self._waiting = loop.create_future()
        timer = loop.call_later(timeout_s, self._fail, TimeoutError())
        try:
            transport.write(wire)
            answer: Answer = await waiting
            return answer
        finally:
            timer.cancel()
            self._waiting = None
            if not waiting.done() or waiting.cancelled() or waiting.exception():
                self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's is one

    def data_received(self, data: bytes) -> None:
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fail(BadAnswer("The model server did not answer in HTTP."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(BrokeOff() if self._begun else ClosedEarly())

    # httptools callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._content_type = value

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._max_bytes:
            self._fail(BadAnswer("The model server's answer is too large."))
            return
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        if self._waiting is not None and not self._waiting.done():
            body = b"".join(self._chunks)
            self._waiting.set_result(Answer(status, self._content_type, body))
        self._parser = httptools.HttpResponseParser(self)

    def _reset(self) -> None:
        self._chunks: list[bytes] = []
        self._size, self._content_type, self._begun = 0, b"application/json", False

    def _fail(self, reason: Exception) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(reason)


class Instance:
    """A model server's socket and the connections to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.outstanding = 0
        self.down_until = 0.0
        self._idle: list[Connection] = []
        self.closed_at = 0.0

    async def exchange(
        self, wire: bytes, *, connect_s: float, read_s: float, max_bytes: int
    ) -> Answer:
        """Send a request over a kept or a new connection.

        Raises CannotConnect, ClosedEarly, BrokeOff, BadAnswer or TimeoutError.
        """
        self.outstanding += 1
        try:
            connection = self._kept() or await self._connect(connect_s, max_bytes)
            answer = await connection.exchange(wire, read_s)
        finally:
            self.outstanding -= 1
        if connection.is_open and not self.closed_at:
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    async def is_listening(self, connect_s: float) -> bool:
        """Tell whether somebody is there.

        While a process ends, the kernel closes its listener last: a connection made
        in that moment is closed in the next.
        """
        try:
            connection = await self._connect(connect_s, 0)
        except CannotConnect:
            return False
        await asyncio.sleep(LAST_MOMENT_S)
        is_there = connection.is_open
        connection.close()
        return is_there

    def close(self) -> None:
        """Close what is idle; exchanges under way end as they would."""
        self.closed_at = time.monotonic()
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self, connect_s: float, max_bytes: int) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(connect_s):
                _, connection = await loop.create_unix_connection(
                    lambda: Connection(max_bytes), self.path
                )
        except (OSError, TimeoutError):
            raise CannotConnect from None
        return connection
