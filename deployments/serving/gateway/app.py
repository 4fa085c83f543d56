"""The gateway as raw ASGI: access, routing, counting."""

import asyncio
import time
import uuid
from itertools import count
from typing import Any

from deployments.serving.gateway.about import (
    INDEX,
    READS,
    About,
    allow,
    allowed,
    is_probe,
    is_statistics,
    only,
    readiness,
)
from deployments.serving.gateway.access import Access
from deployments.serving.gateway.access_log import AnswerLog, LoggedSend, line_of
from deployments.serving.gateway.answers import (
    NO_CONTENT,
    Client,
    Send,
    error,
)
from deployments.serving.gateway.calls import REFUSED, CallLog
from deployments.serving.gateway.choice import (
    Asking,
    Choice,
    choose,
    not_complete,
    slot_of,
)
from deployments.serving.gateway.client import Failure, Upstream, UpstreamAnswer
from deployments.serving.gateway.coding import (
    coding_of,
    inflated,
)
from deployments.serving.gateway.counters import CallOutcome
from deployments.serving.gateway.dispatch import Dispatcher
from deployments.serving.gateway.exposition import CONTENT_TYPE, exposition
from deployments.serving.gateway.hot_requests import HotRequest, reader_of
from deployments.serving.gateway.loads import Loads
from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.quarantine import Quarantine
from deployments.serving.gateway.replies import Reply, give, give_coded, is_coded
from deployments.serving.gateway.request import (
    Receive,
    RequestRefused,
    RequestTarget,
    Wire,
    key_digests,
    metadata_path,
    read_body,
    target_of,
    wire_head,
)
from deployments.serving.gateway.response_options import (
    ResponseOptions,
    answer_lines,
    response_options_of,
)
from deployments.serving.gateway.route_cache import RouteCache
from deployments.serving.gateway.routes import RoutedSlot, Routes, TrafficShare
from deployments.serving.gateway.sampler import Sampler
from deployments.serving.gateway.shared import Seats
from deployments.serving.gateway.totals import Totals
from deployments.serving.gateway.usage import Usage
from deployments.serving.http1.answers import content_headers, whole
from deployments.serving.http1.binary import json_bytes_of
from deployments.serving.http1.heads import Heads
from deployments.serving.waking import WakeClient, Waker
from mlops import logs

Scope = dict[str, Any]

FLUSH_S = 1.0
OK = 200
METHODS = {"GET": b"GET", "HEAD": b"GET", "POST": b"POST"}
REFUSALS = {
    401: [(b"www-authenticate", b"Bearer")],
    408: [(b"connection", b"close")],
    503: [(b"retry-after", b"1")],
}
NOTHING = "There is nothing at this path."
OWN_PATHS = frozenset({b"/", b"/healthz", b"/readyz", b"/metrics"})
WELCOME = b'{"name":"mlops-gateway","models":"/serving/{environment}/{model}/v2"}'
NEEDS_KEY = "Send a deployment key or a token that may predict, as a bearer token."


class Gateway:
    """One gateway process; all that it knows of deployments is in the route files."""

    def __init__(self, options: GatewayOptions, totals: int) -> None:
        """Take a seat among the machine's gateways; `totals` is a file of `Totals`."""
        self.options = options
        self.id = uuid.uuid4().hex[:16]
        shared = options.run / "gateways"
        seats = Seats(shared)
        self._loads = Loads(shared, seats)
        Upstream.load_of = self._loads.of
        quarantine = Quarantine(shared / "quarantine", self._loads.table)
        self._totals = Totals(totals, seats, self._labels)
        self._routes = Routes(options.run, self.id)
        self._access = Access(self._routes, options, Usage(shared, seats))
        self._route_cache = RouteCache(self._routes, self._access, options)
        self._waker: Waker = WakeClient(options.run / "wake.sock")
        dispatcher = Dispatcher(self._routes, options, quarantine, seats)
        self._calls = CallLog(self.id, options, dispatcher, self._totals)
        self._sampler = Sampler(
            options.samples, "machine", self._loads.pending, seats.own
        )
        self._about = About(self._routes, options)
        self._log = AnswerLog(options)
        self._ids = (b"%b-%x" % (self.id.encode(), n) for n in count(1))
        self.heads = Heads(reader_of(options.origins))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Flush every second between start-up and shutdown, and once at the end."""
        await receive()
        self._routes.open()
        self._waker.wake()
        beat = asyncio.create_task(self._beat())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        beat.cancel()
        await self._calls.settle()
        self._flush()
        self._sampler.close()
        self._calls.leave()
        self._routes.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._flush()
            await self._sampler.spool()

    def _flush(self) -> None:
        if self._calls.flush():
            self._waker.wake()
            self._loads.give_back()

    def begin(self, hot: HotRequest, body: bytes, reply: Reply) -> bool:
        """Answer an infer call with `reply`, without a task; False for the slow path.

        That is for whatever takes more than passing it on: refusals, shadows, instances
        that are busy, new or gone. What fails after it was sent is retried in a task.
        """
        start = time.perf_counter()
        self._routes.refresh(hot.slot_key)
        cached = self._route_cache.find(hot)
        if cached is None or len(body) > cached.most_bytes:
            return False
        slot, share, calls = cached.slot, cached.share, self._calls
        key = share.deployment_id
        asked = hot.response_options
        request = Wire(
            hot.wire_head, self._id_of(asked), body, self._log.span_of(asked)
        )
        reply = self._log.replying(reply, hot, request, start)

        def done(found: UpstreamAnswer | Failure) -> None:
            calls.end(key)
            if isinstance(found, Failure):
                choice = Choice(share, hot.target, hot)
                made_good = calls.make_good(choice, request, found, start)
                calls.later(give(made_good, choice, asked, reply))
                return
            outcome = CallOutcome.of(found)
            calls.count(key, outcome, start, found.took_ms)
            if slot.sample_rate and found.status == OK:
                self._sampler.offer(key, slot.sample_rate, body, hot.json_bytes)
            elif found.status >= REFUSED:
                calls.note(request, found.status, key)
            head = share.head + answer_lines(asked, request.request_id)
            if is_coded(asked, found.body):
                calls.later(give_coded(found, head, asked.coding, reply))
            else:
                reply(whole(found.status, found.body, head, found.json_bytes))

        if not calls.begin(cached, request, done):
            return False
        self._access.count(cached.digest)
        return True

    def may_enter(self, hot: HotRequest) -> bool:
        """Whether the caller's key is valid for the slot by the cached routes."""
        slot = self._routes.slots.get(hot.slot_key)
        return slot is not None and self._access.may_enter(hot.digests, slot)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in a task of its own, whose log lines have the request's id."""
        start, sent = time.perf_counter(), LoggedSend(send)
        asked = response_options_of(scope["headers"], self.options.origins)
        client = Client(sent, asked, self._id_of(asked), self._log.span_of(asked))
        logs.context.set(client.fields)
        await self._serve(scope, receive, client)
        if self._log.is_on:
            self._log.note(line_of(scope, client, start), sent.status)

    async def _serve(self, scope: Scope, receive: Receive, client: Client) -> None:
        path: bytes = scope["raw_path"]
        if scope["method"] == "OPTIONS":
            await _send_allowed_methods(client, path)
        elif path.startswith(b"/serving/"):
            await self._serve_model(path, scope, receive, client)
        elif path not in OWN_PATHS:
            await client.answer(404, error(NOTHING))
        elif scope["method"] not in READS:
            await self._refuse(client, only(READS))
        elif path == b"/":
            await client.answer(200, WELCOME)
        elif path == b"/healthz":
            await client.answer(200, b'{"status":"ok"}')
        elif path == b"/readyz":
            await client.answer(*readiness(is_complete=self._routes.is_complete))
        else:
            await self._show_metrics(scope, client)

    async def _show_metrics(self, scope: Scope, client: Client) -> None:
        try:
            self._access.require_reading(scope)
        except RequestRefused as refusal:
            await self._refuse(client, refusal)
        else:
            page = exposition(self._totals.rows())
            content = [(b"content-type", CONTENT_TYPE)]
            await client.answer(200, page, content=content)

    async def _serve_model(
        self, path: bytes, scope: Scope, receive: Receive, client: Client
    ) -> None:
        start = time.perf_counter()
        try:
            target, slot = self._target_and_slot(path)
            if is_probe(target) and scope["method"] in READS:
                await self._probe(target, slot, client)
                return
            choice = self._admit(target, slot, scope)
            scope["welcome"]()
            body = await self._body(scope, receive, choice.share)
            if slot is not None and await self._answer_itself(
                target, choice, body, client
            ):
                return
        except RequestRefused as refusal:
            await self._refuse(client, refusal)
            return
        rest = target.rest
        if rest == b"/" and scope["method"] in READS and slot is not None:
            rest = metadata_path(slot.model)
        method, headers = METHODS[scope["method"]], scope["headers"]
        head = wire_head(method, rest, headers, len(body))
        request = Wire(head, client.request_id, body, client.span)
        if not (target.is_infer and scope["method"] == "POST"):
            await self._forward(choice, request, client)
            return
        if slot is not None and slot.shadows and not target.deployment_id:
            self._calls.mirror(slot, request)
        status = await self._forward(choice, request, client, start)
        if status == OK and slot is not None and not target.deployment_id:
            key, rate = choice.deployment_id, slot.sample_rate
            self._sampler.offer(key, rate, body, json_bytes_of(headers))

    async def _refuse(self, client: Client, refusal: RequestRefused) -> None:
        more = [*REFUSALS.get(refusal.status, ()), *refusal.headers]
        self._calls.failures.note(
            client.request_id, refusal.status, str(refusal), client.span
        )
        await client.answer(refusal.status, error(str(refusal)), more)

    async def _body(self, scope: Scope, receive: Receive, share: TrafficShare) -> bytes:
        """Return the whole body as it was before it was coded.

        Raises RequestRefused.
        """
        coding, most = coding_of(scope["headers"]), self._most_bytes(share)
        body = await read_body(
            receive,
            most,
            began_at=scope["began_at"] or asyncio.get_running_loop().time(),
            limit_s=self.options.request_s,
        )
        return await inflated(body, coding, most)

    async def _probe(
        self, target: RequestTarget, slot: RoutedSlot | None, client: Client
    ) -> None:
        """Answer a readiness probe: 200, or an empty 503 where nothing is ready."""
        shares = self._shares(target, slot)
        found = await self._about.probe(target, shares)
        if found is None:
            await client.answer_nothing(503)
        else:
            await client.answer(200, found)

    async def _answer_itself(
        self, target: RequestTarget, choice: Choice, body: bytes, client: Client
    ) -> bool:
        """Answer from what the gateway itself knows of a slot; False if it cannot."""
        slot = self._routes.slot_of.get(choice.deployment_id)
        if slot is None:
            return False
        shares = self._shares(target, slot)
        if target.rest == INDEX:
            await client.answer(200, self._about.index(slot, shares, body))
        elif is_statistics(target, slot.model):
            await client.answer(200, await self._about.statistics(slot, shares))
        else:
            return False
        return True

    def _shares(
        self, target: RequestTarget, slot: RoutedSlot | None
    ) -> list[TrafficShare]:
        """Return the shares that may answer: of the requested version, if any."""
        if slot is None:
            return []
        if target.deployment_id:
            both = (*slot.shares, *slot.shadows)
            return [each for each in both if each.deployment_id == target.deployment_id]
        version = target.version
        return [each for each in slot.shares if version in (None, each.version)]

    def _target_and_slot(self, path: bytes) -> tuple[RequestTarget, RoutedSlot | None]:
        """Return what a path names, and the slot if there is one.

        Raises RequestRefused.
        """
        routes, target = self._routes, target_of(path)
        if target is None:
            raise RequestRefused(404, "Use /serving/{environment}/{model}/v2/….")
        routes.refresh(target.slot_key)
        slot = slot_of(routes, target)
        if slot is None:
            # It may have come since; only what is known can be a moment old.
            routes.refresh(target.slot_key, at_once=True)
            slot = slot_of(routes, target)
        return target, slot

    def _admit(
        self, target: RequestTarget, slot: RoutedSlot | None, scope: Scope
    ) -> Choice:
        """Return who answers. Raises RequestRefused: 401, 404, 405, 429 or 503."""
        asking = Asking(key_digests(scope["headers"]), scope["headers"])
        if not self._access.may_enter(asking.digests, slot, target.deployment_id):
            is_complete = self._routes.is_complete
            raise RequestRefused(401, NEEDS_KEY) if is_complete else not_complete()
        methods = allowed(target)
        if not methods:
            raise RequestRefused(404, NOTHING)
        if scope["method"] not in methods:
            raise only(methods)
        choice = choose(self._routes, target, slot, asking)
        if slot is not None and target.is_infer and scope["method"] == "POST":
            self._access.admit(asking.digests, slot)
        return choice

    def _most_bytes(self, share: TrafficShare) -> int:
        return share.max_body_bytes or self.options.max_body_bytes

    async def _forward(
        self,
        choice: Choice,
        request: Wire,
        client: Client,
        start: float | None = None,
    ) -> int:
        """Send on and answer, return the status; with `start`, the call is counted."""
        found = await self._calls.exchange(choice, request)
        if start is not None:
            key = choice.deployment_id
            self._calls.count(key, found.outcome, start, found.took_ms)
        headers = [*choice.share.headers]
        if found.retry_after_s:
            headers.append((b"retry-after", b"%d" % found.retry_after_s))
        content = content_headers(found.json_bytes)
        await client.answer(found.status, found.body, headers, content=content)
        return found.status

    def _id_of(self, response_options: ResponseOptions) -> bytes:
        return response_options.request_id or next(self._ids)

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


async def _send_allowed_methods(client: Client, path: bytes) -> None:
    """Answer OPTIONS, a browser's preflight too, which has no key."""
    target = target_of(path) if path.startswith(b"/serving/") else None
    methods = READS if target is None else allowed(target)
    await client.answer_nothing(
        NO_CONTENT, [*allow(methods), *client.response_options.preflight()]
    )
