"""A keep-alive HTTP/1.1 client over Unix sockets, as small as the job allows."""

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import httptools

from deployments.serving.gateway.loads import Load, LocalLoad
from deployments.serving.http1.binary import UnclearLength, json_bytes_of
from deployments.serving.http1.heads import (
    END,
    MAX_BYTES,
    answer_head,
    took_ms_of,
)
from deployments.serving.http1.internal_headers import NOT_FINITE, WAS_TAKEN

LAST_MOMENT_S = 0.01
FINAL = 200  # statuses below it announce another answer


class CannotConnect(Exception):
    """Nobody listens: not a byte of the request was sent."""


class ClosedEarly(Exception):
    """The connection ended before the first byte of an answer."""


class BrokeOff(Exception):
    """The connection ended within an answer, of which nothing was passed on yet."""


class BadAnswer(Exception):
    """The answer is too large, or is not HTTP."""


class UpstreamAnswer(NamedTuple):
    """A model server's response; `is_finite` is false with a NaN or an infinity.

    `json_bytes` of the body are JSON where binary tensors follow, else None. `took_ms`
    is how long the model had it, None where its server does not say; `was_taken` tells
    of a refusal that the version before would have taken the request.
    """

    status: int
    body: bytes
    is_finite: bool = True
    json_bytes: int | None = None
    took_ms: int | None = None
    was_taken: bool = False


Done = Callable[[UpstreamAnswer | Exception], None]


class Failure(NamedTuple):
    """An exchange that came to nothing: with whom, and why."""

    instance: "Upstream"
    reason: Exception


class Connection(asyncio.Protocol):
    """One connection, one exchange at a time."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._done: Done | None = None
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._begun = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def begin(self, wire: bytes, timeout_s: float, done: Done) -> None:
        """Send a whole request; `done` gets the answer or what went wrong.

        That is ClosedEarly, BrokeOff, BadAnswer or TimeoutError; the connection is
        closed then. It is called once, never from within this call.
        """
        if self._transport is None or self._transport.is_closing():
            self._loop.call_soon(done, ClosedEarly())
            return
        self._done, self._begun, self._parser = done, False, None
        # One timer serves many exchanges: it looks whether the time of one is over.
        self._until = self._loop.time() + timeout_s
        if self._timer is None:
            self._timer = self._loop.call_at(self._until, self._look)
        self._transport.write(wire)

    async def exchange(self, wire: bytes, timeout_s: float) -> UpstreamAnswer:
        """Send a whole request and return the answer, or raise what `begin` says."""
        waiting: asyncio.Future[UpstreamAnswer] = self._loop.create_future()

        def done(found: UpstreamAnswer | Exception) -> None:
            if waiting.done():
                return
            if isinstance(found, Exception):
                waiting.set_exception(found)
            else:
                waiting.set_result(found)

        self.begin(wire, timeout_s, done)
        try:
            return await waiting
        except asyncio.CancelledError:
            self.close()
            raise

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a stream's is one

    def data_received(self, data: bytes) -> None:
        if self._done is None:
            self.close()  # nobody asked
            return
        if not self._begun:
            self._begun = True
            if (answer := _whole(data, self._max_bytes)) is not None:
                self._end(answer)
                return
        if self._parser is None:
            self._parser = httptools.HttpResponseParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._end(BadAnswer("The model server did not answer in HTTP."))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._end(BrokeOff() if self._begun else ClosedEarly())

    # httptools callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > self._max_bytes:
            self._end(BadAnswer("The model server's answer is too large."))
            return
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        if self._parser is None:
            return
        try:
            json_bytes = json_bytes_of(self._headers)
        except UnclearLength:
            self._end(BadAnswer("The model server did not answer in HTTP."))
            return
        status, body = self._parser.get_status_code(), b"".join(self._chunks)
        names = {name for name, _ in self._headers}
        answer = UpstreamAnswer(
            status,
            body,
            NOT_FINITE not in names,
            json_bytes,
            took_ms_of(self._headers),
            WAS_TAKEN in names,
        )
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        self._end(answer)

    def _look(self) -> None:
        self._timer = None
        if self._done is None:
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._look)
        else:
            self._end(TimeoutError())

    def _end(self, found: UpstreamAnswer | Exception) -> None:
        """Report once; what comes later is not of this exchange."""
        done, self._done = self._done, None
        if self._parser is not None:
            self._parser = None
            self._chunks, self._headers, self._size = [], [], 0
        if done is None:
            return
        if isinstance(found, Exception):
            self.close()
        done(found)


def _whole(data: bytes, max_bytes: int) -> UpstreamAnswer | None:
    """Return an answer that lies here from end to end, else None."""
    end = data.find(END, 0, MAX_BYTES) + len(END)
    head = answer_head(data[:end]) if end >= len(END) else None
    if head is None or end + head.body_bytes != len(data):
        return None
    if head.body_bytes > max_bytes or head.status < FINAL:
        return None
    return UpstreamAnswer(
        head.status,
        data[end:],
        head.is_finite,
        head.json_bytes,
        head.took_ms,
        head.was_taken,
    )


class Upstream:
    """A model server's socket and the connections to it.

    `load_of` says how its requests are counted; a gateway counts with the others.
    """

    load_of: ClassVar[Callable[[str], Load]] = LocalLoad

    def __init__(self, path: str) -> None:
        self.path = path
        self._load = type(self).load_of(path)
        self.down_until = 0.0
        self._idle: list[Connection] = []
        self.closed_at = 0.0

    @property
    def outstanding(self) -> int:
        """The requests that it has, from all gateway processes of the machine."""
        return self._load.total()

    def begin(
        self,
        wire: bytes,
        read_s: float,
        done: Callable[[UpstreamAnswer | Failure], None],
    ) -> bool:
        """Send a request over a kept connection, as `Connection.begin`.

        False if there is none.
        """
        connection = self._kept()
        if connection is None:
            return False
        self._load.enter()

        def finish(found: UpstreamAnswer | Exception) -> None:
            self._load.leave()
            self._keep(connection)
            done(Failure(self, found) if isinstance(found, Exception) else found)

        connection.begin(wire, read_s, finish)
        return True

    async def exchange(
        self, wire: bytes, *, connect_s: float, read_s: float, max_bytes: int
    ) -> UpstreamAnswer:
        """Send a request over a kept or a new connection.

        Raises CannotConnect, ClosedEarly, BrokeOff, BadAnswer or TimeoutError.
        """
        self._load.enter()
        try:
            connection = self._kept() or await self._connect(connect_s, max_bytes)
            answer = await connection.exchange(wire, read_s)
        finally:
            self._load.leave()
        self._keep(connection)
        return answer

    async def is_listening(self, connect_s: float) -> bool:
        """Whether the address accepts a connection.

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
        self._load.release()

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    def _keep(self, connection: Connection) -> None:
        if connection.is_open and not self.closed_at:
            self._idle.append(connection)
        else:
            connection.close()

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
