"""uvicorn's HTTP protocol, with a fast path for hot requests."""

import asyncio
from typing import Any, Generic, TypeVar

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from deployments.serving.http1.heads import END, MAX_BYTES, Heads, KnownHead

Meaning = TypeVar("Meaning")

BODY_S = 30.0
MAX_BODY_BYTES = 1 << 18
STAYS = (b"connection", b"keep-alive")
CLOSING = b"\r\nconnection: close\r\n"


class FastPathProtocol(HttpToolsProtocol, Generic[Meaning]):
    """Answers a request of a known head without a task, a timer or a scope.

    That is one whose head was seen before, that has arrived whole, and that `begin`
    accepts. Everything else, and everything ambiguous, goes to uvicorn as if this class
    were not there. One request at a time is answered; what arrives meanwhile waits.

    `cycle`, `flow`, `pipeline`, `parser` and `timeout_keep_alive_task` are uvicorn's
    internals, as they are in the version that tests/deployments/test_uvicorn.py names.
    """

    heads: Heads[Meaning]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._is_answering = self._is_closing = self._is_within = False
        self._held, self._later = b"", b""
        self._body_timer: asyncio.TimerHandle | None = None
        self._rested_at = 0.0

    def key_of(self, raw: bytes) -> bytes:
        """Return the head by which its meaning is remembered."""
        return raw

    def begin(self, meaning: Meaning, body: bytes) -> bool:
        """Start to answer, which ends with `answer`; False for the slow path."""
        raise NotImplementedError

    @property
    def is_responding(self) -> bool:
        """Whether uvicorn has a request that is not answered."""
        # `cycle` is None before the first request, and stays as the last one's after.
        return not getattr(self.cycle, "response_complete", True)

    def may_wait(self, meaning: Meaning) -> bool:
        """Whether the fast path may wait for the rest of a body."""
        return True

    def answer(self, wire: bytes) -> None:
        """Send a whole answer and continue with what arrived meanwhile."""
        self._is_answering = False
        if self.transport.is_closing():
            return
        if self._is_closing:
            self.transport.write(wire.replace(b"\r\n", CLOSING, 1))
            self.transport.close()
            return
        self.transport.write(wire)
        self._rest()
        if self._later:
            later, self._later = self._later, b""
            self.flow.resume_reading()
            self.data_received(later)

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        if self._is_answering:
            self._keep_for_later(data)
            return
        is_second = bool(self._held)
        if is_second:
            data = self._take_held() + data
        if not self._take(data, may_hold=not is_second):
            self._feed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._take_held()
        self._later = b""
        super().connection_lost(exc)

    # uvicorn

    def retire(self) -> None:
        """Close after the next answer, which says so; until then nothing changes.

        Closing what is idle would break off a request that is on its way here.
        """
        self._is_closing = True
        if self.is_responding:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close at once, or when what is under way is answered."""
        if self._is_answering:
            self._is_closing = True
            return
        if self._held:
            self._feed(self._take_held())
        super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close what was idle for long enough; the timer is older than that."""
        self.timeout_keep_alive_task = None
        left = self._rested_at + self.timeout_keep_alive - self.loop.time()
        if self._is_answering or self._held:
            left = self.timeout_keep_alive
        if left > 0:
            self._rest_for(left)
        else:
            super().timeout_keep_alive_handler()

    # httptools

    def on_message_begin(self) -> None:
        self._is_within = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._is_closing and self.is_responding:
            self.cycle.keep_alive = False
        elif self.scope["http_version"] == "1.0" and self.parser.should_keep_alive():
            # uvicorn closes; a client that asks for keep-alive gets the header that
            # says so.
            self.cycle.keep_alive = True
            self.cycle.default_headers = [*self.cycle.default_headers, STAYS]

    def on_message_complete(self) -> None:
        self._is_within = False
        super().on_message_complete()

    # Inside

    def _feed(self, data: bytes) -> None:
        """Hand over to uvicorn what is not on the fast path."""
        super().data_received(data)

    def _take(self, data: bytes, *, may_hold: bool) -> bool:
        """Begin a request that is here whole, or hold its first piece."""
        if not self._is_idle():
            return False
        end = data.find(END, 0, MAX_BYTES) + len(END)
        if end < len(END):
            return False
        key = self.key_of(data[:end])
        known = self.heads.find(key)
        if known is None or known.body_bytes > MAX_BODY_BYTES:
            return False
        missing = end + known.body_bytes - len(data)
        if missing > 0 and may_hold and self.may_wait(known.meaning):
            self._hold(data)
            return True
        return not missing and self._begin(key, known, data[end:])

    def _begin(self, key: bytes, known: KnownHead[Meaning], body: bytes) -> bool:
        # Before `begin`, which may call `answer` at once; that sets it back.
        self._is_answering = True
        if self.begin(known.meaning, body):
            if not known.is_kept:
                self.heads.keep(key, known)
            return True
        self._is_answering = False
        return False

    def _is_idle(self) -> bool:
        """Whether uvicorn is between two requests, and the client takes answers."""
        # Between `on_message_begin` and `on_message_complete` the parser has half a
        # request: what comes then is its rest, not a head.
        if self._is_within or self.pipeline or self.flow.write_paused:
            return False
        return bool(getattr(self.cycle, "response_complete", True))

    def _hold(self, data: bytes) -> None:
        """Wait for the rest of a body, but not for ever."""
        self._held = data
        self._body_timer = self.loop.call_later(BODY_S, self._give_up_holding)

    def _take_held(self) -> bytes:
        held, self._held = self._held, b""
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None
        return held

    def _give_up_holding(self) -> None:
        self._feed(self._take_held())

    def _keep_for_later(self, data: bytes) -> None:
        self._later += data
        if len(self._later) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def _rest(self) -> None:
        self._rested_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._rest_for(self.timeout_keep_alive)

    def _rest_for(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )
