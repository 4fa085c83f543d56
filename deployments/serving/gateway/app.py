"""The gateway as raw ASGI: who may ask, where it goes, what is counted."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import orjson

from deployments.serving.gateway.answers import Send, answer, error
from deployments.serving.gateway.choice import Choice, choose, not_told, slot_of
from deployments.serving.gateway.client import Answer, Instance
from deployments.serving.gateway.counters import Counters, Outcome
from deployments.serving.gateway.dispatch import Dispatcher, Failure, Rejected
from deployments.serving.gateway.exposition import CONTENT_TYPE, exposition
from deployments.serving.gateway.files import replace
from deployments.serving.gateway.loads import Loads
from deployments.serving.gateway.options import Options
from deployments.serving.gateway.quarantine import Quarantine
from deployments.serving.gateway.quick import Asked
from deployments.serving.gateway.request import (
    BadRequest,
    Receive,
    Target,
    key_digests,
    metadata_path,
    read_body,
    target_of,
    wire_head,
)
from deployments.serving.gateway.routes import Routes, Share, Slot
from deployments.serving.gateway.sampler import Sampler
from deployments.serving.gateway.shared import Seats
from deployments.serving.gateway.totals import Totals
from deployments.serving.histogram import bucket
from deployments.serving.http1.answers import content_headers, whole
from deployments.serving.http1.binary import json_bytes_of
from deployments.serving.waking import Bell, Waking

logger = logging.getLogger(__name__)

Scope = dict[str, Any]

FLUSH_S = 1.0
MOST_MIRRORED = 32
OK = 200
METHODS = {"GET": b"GET", "POST": b"POST"}
REFUSALS = {
    401: [(b"www-authenticate", b"Bearer")],
    408: [(b"connection", b"close")],
    503: [(b"retry-after", b"1")],
}
WELCOME = b'{"name":"mlops-gateway","models":"/serving/{environment}/{model}/v2"}'
NEEDS_KEY = "Send a deployment key or a token that may predict, as a bearer token."


class Reply(NamedTuple):
    """An answer for the client; `retry_after_s` is 0 where that would not help.

    `json_bytes` of the body are JSON where binary tensors follow, else None.
    """

    status: int
    body: bytes
    outcome: Outcome
    retry_after_s: int = 0
    json_bytes: int | None = None


class Gateway:
    """One gateway process; all that it knows of deployments is in the route files."""

    def __init__(self, options: Options, totals: int) -> None:
        """Take a seat among the machine's gateways; `totals` is a file of `Totals`."""
        self.options = options
        self.id = uuid.uuid4().hex[:16]
        shared = options.run / "gateways"
        seats = Seats(shared)
        self._loads = Loads(shared, seats)
        Instance.load_of = self._loads.of
        quarantine = Quarantine(shared / "quarantine", self._loads.table)
        self._totals = Totals(totals, seats, self._labels)
        self._routes = Routes(options.run, self.id)
        self._bell: Waking = Bell(options.run / "kick.sock")
        self._dispatcher = Dispatcher(self._routes, options, quarantine, seats)
        self._counters = Counters(options.traffic, self.id)
        self._sampler = Sampler(
            options.samples, "machine", self._loads.pending, seats.own
        )
        self._presence = options.run / "gateways" / f"{self.id}.json"
        self._outstanding: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Flush every second between start-up and shutdown, and once at the end."""
        await receive()
        self._routes.open()
        self._bell.wake()
        beat = asyncio.create_task(self._beat())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        beat.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._flush()
        self._sampler.close()
        self._presence.unlink(missing_ok=True)
        self._routes.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._flush()
            await self._sampler.spool()

    def _flush(self) -> None:
        """Spool the counts; a full disk costs nothing but this second's file."""
        try:
            if self._counters.flush():
                self._bell.wake()
                self._loads.give_back()
            busy = {key: n for key, n in self._outstanding.items() if n}
            self._presence.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            report = {"at": time.time(), "outstanding": busy}
            replace(self._presence, orjson.dumps(report))
        except OSError:
            logger.exception("the counts could not be written; trying again")

    def begin(self, asked: Asked, body: bytes, reply: Callable[[bytes], None]) -> bool:
        """Answer an infer call with `reply`, without a task; False for the long way.

        That is for whatever takes more than passing it on: refusals, shadows,
        instances that are busy, new or gone. What fails after it was sent is made
        good in a task.
        """
        start = time.perf_counter()
        self._routes.refresh()
        slot = self._routes.slots.get(asked.place)
        if slot is None or slot.shadows or not self._may_enter(asked.digests, slot):
            return False
        share = slot.choose(asked.target.version)
        if share is None or len(body) > self.options.max_body_bytes:
            return False
        request, key = asked.wire_head + body, share.deployment_id

        def done(found: Answer | Failure) -> None:
            self._outstanding[key] -= 1
            if isinstance(found, Failure):
                choice = Choice(share, asked.target)
                self._later(self._make_good(choice, request, found, start, reply))
                return
            outcome = Outcome.of(found.status, is_finite=found.is_finite)
            self._count(key, outcome, start)
            if slot.sample_rate and found.status == OK:
                self._sampler.offer(key, slot.sample_rate, body, asked.json_bytes)
            reply(whole(found.status, found.body, share.head, found.json_bytes))

        if not self._dispatcher.begin(key, request, done):
            return False
        self._outstanding[key] = self._outstanding.get(key, 0) + 1
        return True

    def may_enter(self, asked: Asked) -> bool:
        """Say whether the caller shows a key of the slot, known a moment ago."""
        slot = self._routes.slots.get(asked.place)
        return slot is not None and self._may_enter(asked.digests, slot)

    async def _make_good(
        self,
        choice: Choice,
        request: bytes,
        failure: Failure,
        start: float,
        reply: Callable[[bytes], None],
    ) -> None:
        found = await self._exchange(choice, request, failure)
        self._count(choice.deployment_id, found.outcome, start)
        wait_s = found.retry_after_s
        more = b"retry-after: %d\r\n" % wait_s if wait_s else b""
        head = choice.share.head + more
        reply(whole(found.status, found.body, head, found.json_bytes))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        if path.startswith(b"/serving/"):
            await self._serve_model(path, scope, receive, send)
        elif path == b"/":
            await answer(send, 200, WELCOME)
        elif path == b"/healthz":
            await answer(send, 200, b'{"status":"ok"}')
        elif path == b"/metrics":
            page = exposition(self._totals.rows())
            length = (b"content-length", b"%d" % len(page))
            kind = (b"content-type", CONTENT_TYPE)
            await answer(send, 200, page, content=[kind, length])
        else:
            await answer(send, 404, error("There is nothing at this path."))

    async def _serve_model(
        self, path: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        start = time.perf_counter()
        try:
            target, choice, slot = self._admit(path, scope)
            scope["welcome"]()
            body = await self._body(scope, receive)
        except BadRequest as refusal:
            more = REFUSALS.get(refusal.status)
            await answer(send, refusal.status, error(str(refusal)), more)
            return
        rest = target.rest
        if rest == b"/" and scope["method"] == "GET" and slot is not None:
            rest = metadata_path(slot.model)
        method, headers = METHODS[scope["method"]], scope["headers"]
        request = wire_head(method, rest, headers, len(body)) + body
        is_infer = target.is_infer and scope["method"] == "POST"
        if is_infer and slot is not None and slot.shadows and not target.deployment_id:
            self._mirror(slot, request)
        status = await self._forward(choice, request, send, start if is_infer else None)
        if is_infer and status == OK and slot is not None and not target.deployment_id:
            key, rate = choice.deployment_id, slot.sample_rate
            self._sampler.offer(key, rate, body, json_bytes_of(headers))

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        """Return the whole body. Raises BadRequest."""
        options = self.options
        return await read_body(
            receive,
            options.max_body_bytes,
            began_at=scope["began_at"] or asyncio.get_running_loop().time(),
            limit_s=options.request_s,
        )

    def _admit(self, path: bytes, scope: Scope) -> tuple[Target, Choice, Slot | None]:
        """Return what the request is for. Raises BadRequest: 401, 404 or 405."""
        routes = self._routes
        routes.refresh()
        target = target_of(path)
        if target is None:
            raise BadRequest(404, "Use /serving/{environment}/{model}/v2/….")
        slot = slot_of(routes, target)
        if slot is None:
            # It may have come since; only what is known can be a moment old.
            routes.refresh(at_once=True)
            slot = slot_of(routes, target)
        if not self._may_enter(key_digests(scope["headers"]), slot):
            raise BadRequest(401, NEEDS_KEY) if routes.is_complete else not_told()
        if scope["method"] not in METHODS:
            raise BadRequest(405, "Use GET or POST.")
        return target, choose(self._routes, target, slot), slot

    def _may_enter(self, digests: tuple[str, ...], slot: Slot | None) -> bool:
        routes = self._routes
        if routes.is_open or not self.options.needs_key:
            return True
        own = slot.keys if slot is not None else frozenset()
        return any(each in routes.keys or each in own for each in digests)

    async def _forward(
        self, choice: Choice, request: bytes, send: Send, start: float | None
    ) -> int:
        """Send on and answer, return the status; with `start`, the call is counted."""
        found = await self._exchange(choice, request)
        if start is not None:
            self._count(choice.deployment_id, found.outcome, start)
        headers = [*choice.share.headers]
        if found.retry_after_s:
            headers.append((b"retry-after", b"%d" % found.retry_after_s))
        content = content_headers(len(found.body), found.json_bytes)
        await answer(send, found.status, found.body, headers, content=content)
        return found.status

    async def _exchange(
        self, choice: Choice, request: bytes, failure: Failure | None = None
    ) -> Reply:
        """Return the model server's answer, or what the gateway says in its place."""
        key = choice.deployment_id
        self._outstanding[key] = self._outstanding.get(key, 0) + 1
        try:
            found = await self._dispatcher.send(choice, request, failure)
        except Rejected as rejection:
            body, wait_s = error(str(rejection)), rejection.retry_after_s
            return Reply(rejection.status, body, rejection.outcome, wait_s)
        finally:
            self._outstanding[key] -= 1
        outcome = Outcome.of(found.status, is_finite=found.is_finite)
        return Reply(found.status, found.body, outcome, json_bytes=found.json_bytes)

    def _count(self, key: str, outcome: Outcome, start: float) -> None:
        ms = (time.perf_counter() - start) * 1000
        number = bucket(ms)
        self._counters.add(key, outcome, ms, number)
        self._totals.add(key, outcome, ms, number)

    def _mirror(self, slot: Slot, request: bytes) -> None:
        """Send copies to the shadows; their answers are only counted."""
        for shadow in slot.shadows:
            if len(self._tasks) < MOST_MIRRORED:
                self._later(self._mirror_one(shadow, request))

    async def _mirror_one(self, shadow: Share, request: bytes) -> None:
        start, choice = time.perf_counter(), Choice(shadow)
        found = await self._exchange(choice, request)
        self._count(choice.deployment_id, found.outcome, start)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _labels(self, deployment_id: str) -> dict[str, str]:
        """Return what a deployment is called in `/metrics`, as far as is known."""
        slot = self._routes.slot_of.get(deployment_id)
        backend = self._routes.backends.get(deployment_id)
        return {
            "deployment": deployment_id,
            "environment": slot.environment if slot else "",
            "model": slot.model if slot else "",
            "version": backend.version if backend else "",
        }
