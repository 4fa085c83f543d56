"""The gateway as raw ASGI: who may ask, where it goes, what is counted."""

import asyncio
import hashlib
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from urllib.parse import quote

import orjson

from deployments.gateway.answers import Headers, Send, answer, error
from deployments.gateway.choice import Choice, choose, slot_of
from deployments.gateway.counters import Counters, Tally
from deployments.gateway.dispatch import Dispatcher, Rejected
from deployments.gateway.exposition import CONTENT_TYPE, exposition
from deployments.gateway.files import replace
from deployments.gateway.options import Options
from deployments.gateway.request import (
    BadRequest,
    Receive,
    Target,
    metadata_path,
    read_body,
    target_of,
    wire,
)
from deployments.gateway.routes import Routes, Share, Slot

logger = logging.getLogger(__name__)

Scope = dict[str, Any]

FLUSH_S = 1.0
MOST_MIRRORED = 32
METHODS = {"GET": b"GET", "POST": b"POST"}


class Gateway:
    """One gateway process; all that it knows of deployments is in the route files."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self.id = uuid.uuid4().hex[:16]
        self._routes = Routes(options.run)
        self._dispatcher = Dispatcher(self._routes, options)
        self._counters = Counters(options.traffic, self.id)
        self._presence = options.run / "gateways" / f"{self.id}.json"
        self._outstanding: dict[str, int] = {}
        self._mirrors: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Flush every second between start-up and shutdown, and once at the end."""
        await receive()
        beat = asyncio.create_task(self._beat())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        beat.cancel()
        await asyncio.gather(*self._mirrors, return_exceptions=True)
        self._flush()
        self._presence.unlink(missing_ok=True)
        self._routes.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._flush()

    def _flush(self) -> None:
        """Spool the counts; a full disk costs nothing but this second's file."""
        try:
            self._counters.flush()
            busy = {key: n for key, n in self._outstanding.items() if n}
            self._presence.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            report = {"at": time.time(), "outstanding": busy}
            replace(self._presence, orjson.dumps(report))
        except OSError:
            logger.exception("the counts could not be written; trying again")

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: bytes = scope["raw_path"]
        if path.startswith(b"/serving/"):
            await self._serve_model(path, scope, receive, send)
        elif path == b"/healthz":
            await answer(send, 200, b'{"status":"ok"}')
        elif path == b"/metrics":
            page = exposition(self._tallies())
            await answer(send, 200, page, content_type=CONTENT_TYPE)
        else:
            await answer(send, 404, error("There is nothing at this path."))

    async def _serve_model(
        self, path: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        start = time.perf_counter()
        try:
            target, choice, slot = self._admit(path, scope)
            options = self._options
            body = await read_body(receive, options.max_body_bytes, options.body_s)
        except BadRequest as refusal:
            challenge = [(b"www-authenticate", b"Bearer")]
            headers = challenge if refusal.status == 401 else None  # noqa: PLR2004
            await answer(send, refusal.status, error(str(refusal)), headers)
            return
        rest = target.rest
        if rest == b"/" and scope["method"] == "GET" and slot is not None:
            rest = metadata_path(slot.model)
        request = wire(METHODS[scope["method"]], rest, scope["headers"], body)
        is_infer = target.is_infer and scope["method"] == "POST"
        if is_infer and slot is not None and slot.shadows and not target.deployment_id:
            self._mirror(slot, request)
        await self._forward(choice, request, send, start if is_infer else None)

    def _admit(self, path: bytes, scope: Scope) -> tuple[Target, Choice, Slot | None]:
        """Return what the request is for. Raises BadRequest: 401, 404 or 405."""
        self._routes.refresh()
        target = target_of(path)
        if target is None:
            raise BadRequest(404, "Use /serving/{environment}/{model}/v2/….")
        slot = slot_of(self._routes, target)
        if slot is None:
            # It may have come since; only what is known can be a moment old.
            self._routes.refresh(at_once=True)
            slot = slot_of(self._routes, target)
        self._check_key(scope["headers"], slot)
        if scope["method"] not in METHODS:
            raise BadRequest(405, "Use GET or POST.")
        return target, choose(self._routes, target, slot), slot

    def _check_key(self, headers: Headers, slot: Slot | None) -> None:
        if self._routes.is_open or not self._options.needs_key:
            return
        for name, value in headers:
            if name == b"authorization":
                scheme, _, key = value.partition(b" ")
                digest = hashlib.sha256(key.strip()).hexdigest()
                known = digest in self._routes.keys or (
                    slot is not None and digest in slot.keys
                )
                if scheme.lower() == b"bearer" and known:
                    return
        raise BadRequest(
            401, "Send a deployment key or a token that may predict, as a bearer token."
        )

    async def _forward(
        self, choice: Choice, request: bytes, send: Send, start: float | None
    ) -> None:
        """Send on and answer; with `start`, the call is counted."""
        status, body, retry_after_s = await self._exchange(choice, request)
        if start is not None:
            self._count(choice, status, start, retry_after_s)
        headers: Headers = [
            (b"x-deployment-id", choice.deployment_id.encode()),
            (b"x-model-version", quote(choice.share.version, safe="").encode()),
        ]
        if retry_after_s:
            headers.append((b"retry-after", b"%d" % retry_after_s))
        await answer(send, status, body, headers)

    async def _exchange(self, choice: Choice, request: bytes) -> tuple[int, bytes, int]:
        """Return status, body, and after how many seconds to try again, if at all."""
        key = choice.deployment_id
        self._outstanding[key] = self._outstanding.get(key, 0) + 1
        try:
            found = await self._dispatcher.send(choice, request)
        except Rejected as rejection:
            body = error(str(rejection))
            return rejection.status, body, rejection.retry_after_s
        finally:
            self._outstanding[key] -= 1
        return found.status, found.body, 0

    def _count(self, choice: Choice, status: int, start: float, retry_s: int) -> None:
        ms = (time.perf_counter() - start) * 1000
        self._counters.add(choice.deployment_id, status, ms, is_rejected=retry_s > 0)

    def _mirror(self, slot: Slot, request: bytes) -> None:
        """Send copies to the shadows; their answers are only counted."""
        for shadow in slot.shadows:
            if len(self._mirrors) < MOST_MIRRORED:
                task = asyncio.create_task(self._mirror_one(shadow, request))
                self._mirrors.add(task)
                task.add_done_callback(self._mirrors.discard)

    async def _mirror_one(self, shadow: Share, request: bytes) -> None:
        start, choice = time.perf_counter(), Choice(shadow)
        status, _, retry_after_s = await self._exchange(choice, request)
        self._count(choice, status, start, retry_after_s)

    def _tallies(self) -> Iterator[tuple[dict[str, str], Tally]]:
        for deployment_id, tally in self._counters.totals.items():
            slot = self._routes.slot_of.get(deployment_id)
            yield (
                {
                    "deployment": deployment_id,
                    "environment": slot.environment if slot else "",
                    "model": slot.model if slot else "",
                },
                tally,
            )


def create() -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """Return the gateway that the environment's options describe."""
    return Gateway(Options.from_environment())
