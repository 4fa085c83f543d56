"""Connection limits: size of heads, deadlines, number of anonymous connections.

A connection is anonymous until a key was shown over it. What it sends is bounded in
bytes and in time, and the oldest of too many has to go.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from uvicorn.config import Config
from uvicorn.server import ServerState

from deployments.serving.gateway.answers import error
from deployments.serving.gateway.request import host_fault, late
from deployments.serving.gateway.response_options import DATE
from deployments.serving.http1.answers import whole
from deployments.serving.http1.fastpath import FastPathProtocol

Meaning = TypeVar("Meaning")

MAX_HEAD_BYTES = 32 << 10
MAX_HEADERS = 100
MOST_ANONYMOUS = 256
"""Of the machine: each process has an equal part of them."""
LINGER_S = 5.0
"""How long what still comes is read and dropped, so that the answer is seen."""
CLOSE = b"connection: close\r\n"


class AnonymousConnections:
    """The connections that have not shown a key, the oldest first."""

    def __init__(self, processes: int = 1) -> None:
        self._most = max(MOST_ANONYMOUS // processes, 1)
        self._known: dict[asyncio.Protocol, Callable[[], None]] = {}

    def __contains__(self, one: asyncio.Protocol) -> bool:
        return one in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, one: asyncio.Protocol, leave: Callable[[], None]) -> None:
        """Add a connection; call `leave` of the oldest if there are too many."""
        self._known[one] = leave
        if len(self._known) > self._most:
            self._known.pop(next(iter(self._known)))()

    def discard(self, one: asyncio.Protocol) -> None:
        self._known.pop(one, None)


class GuardedProtocol(FastPathProtocol[Meaning], Generic[Meaning]):
    """Ends requests that are too slow or whose heads are too large.

    One clock runs for a request, from its first byte on: `head_s` for its head,
    `request_s` for all of it. The app keeps to the latter as well, for it is what
    reads bodies; `began_at` of the scope is when the clock started.
    """

    anonymous: AnonymousConnections
    head_s: float
    request_s: float

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._clock: asyncio.TimerHandle | None = None
        self._began_at = 0.0
        self._head_bytes = 0
        self._is_in_body = self._is_refused = False

    def mark_authenticated(self) -> None:
        """Mark the connection as authenticated by a key."""
        self.anonymous.discard(self)

    def stop_clock(self) -> None:
        """Stop the deadline: the request has arrived."""
        self._began_at = 0.0
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def refuse(self, status: int, message: str) -> None:
        """Answer in place of the app, drop the rest of the request, and close."""
        self.stop_clock()
        self._unset_keepalive_if_required()
        self._is_refused = self._is_within = True
        if self.is_responding and not self._abandon():
            self.pipeline.clear()
            self.cycle.keep_alive = False  # the answer under way is the last one
            return
        date = b"date: %b\r\n" % DATE.value()
        self.transport.write(whole(status, error(message), CLOSE + date))
        self._linger()

    def close(self) -> None:
        """Close after an answer; what still comes of the request is dropped first."""
        if self._is_in_body and not self.transport.is_closing():
            self.stop_clock()
            self._is_refused = self._is_within = True
            self._linger()
        else:
            self.transport.close()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]  # a stream's is one
        self.anonymous.add(self, self.transport.abort)
        self._arm(self.loop.time() + self.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_clock()
        self.anonymous.discard(self)
        super().connection_lost(exc)

    # uvicorn

    def send_400_response(self, msg: str) -> None:
        if not self._is_refused:
            self.refuse(400, msg)

    def on_response_complete(self) -> None:
        if self._is_refused:
            return
        super().on_response_complete()
        if self.transport.is_closing():
            return
        if self._is_in_body and self.cycle.response_complete:
            self._arm(self.loop.time() + LINGER_S)
        elif not self._began_at:
            self._idle()

    # httptools

    def on_message_begin(self) -> None:
        self._is_in_body = False
        super().on_message_begin()
        self.scope["began_at"] = self._start_clock()  # type: ignore[typeddict-unknown-key]  # ours
        self.scope["welcome"] = self.mark_authenticated  # type: ignore[typeddict-unknown-key]  # ours

    def on_headers_complete(self) -> None:
        if self._is_refused:
            return
        size = sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > MAX_HEADERS or size + len(self.url) > MAX_HEAD_BYTES:
            self._refuse_head()
            return
        if fault := host_fault(self.headers, self.parser.get_http_version()):
            self.refuse(400, fault)
            return
        if self.is_responding:
            # It waits for the one before it, which is not its own time.
            self.scope["began_at"] = 0.0  # type: ignore[typeddict-unknown-key]  # ours
        self._is_in_body, self._head_bytes = True, 0
        self._arm(self._began_at + self.request_s + LINGER_S)
        super().on_headers_complete()
        # As much of a transport as a cycle uses.
        self.cycle.transport = DeferredTransport(self)  # type: ignore[assignment]

    def on_body(self, body: bytes) -> None:
        if not self._is_refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._is_refused:
            return
        self._is_in_body = False
        self.stop_clock()
        super().on_message_complete()
        if self.cycle.response_complete:
            self._rest()
            self._idle()

    # Inside

    def _abandon(self) -> bool:
        """Have the app give up the request whose body is broken; return whether.

        It waits for a body that cannot come any more, and has answered nothing yet.
        """
        if not self._is_in_body or self.pipeline or self.cycle.response_started:
            return False
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        return True

    def _linger(self) -> None:
        """Read and drop for a while: closing at once could take the answer back."""
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.transport.write_eof()
        self._clock = self.loop.call_later(LINGER_S, self.transport.abort)

    def _feed(self, data: bytes) -> None:
        if self._is_refused:
            return
        if not self._is_in_body:
            self._head_bytes += len(data)
        super()._feed(data)
        is_head = not self._is_in_body and not self._is_refused
        if is_head and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse_head()

    def _idle(self) -> None:
        """Wait for the next request: not for long on an anonymous connection."""
        if self in self.anonymous:
            self._arm(self.loop.time() + self.head_s)

    def _start_clock(self) -> float:
        """Start the clock unless it runs; return when it did."""
        if not self._began_at:
            self._began_at = self.loop.time()
            self._arm(self._began_at + self.head_s)
        return self._began_at

    def _hold(self, data: bytes) -> None:
        self._start_clock()
        self._held = data
        self._arm(self._began_at + self.request_s)

    def _arm(self, at: float) -> None:
        if self._clock is not None:
            self._clock.cancel()
        self._clock = self.loop.call_at(at, self._expire)

    def _expire(self) -> None:
        self._clock = None
        if self._held:
            self._take_held()
            self.refuse(408, late(self.request_s))
        elif self._began_at and not self._is_in_body:
            self.refuse(408, f"The head did not come within {self.head_s:g} s.")
        else:
            self.transport.close()

    def _refuse_head(self) -> None:
        limit = f"{MAX_HEAD_BYTES} bytes and {MAX_HEADERS} headers"
        self.refuse(431, f"The request's head is larger than {limit}.")


class DeferredTransport:
    """Transport given to uvicorn's cycles; closing is left to the protocol."""

    def __init__(self, protocol: GuardedProtocol[Any]) -> None:
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.close
