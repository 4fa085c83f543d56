"""Calls of deployments: forwarded, counted, logged, and reported to the scaler."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import NamedTuple

import orjson

from deployments.serving.gateway.answers import error
from deployments.serving.gateway.choice import Choice
from deployments.serving.gateway.client import Failure, UpstreamAnswer
from deployments.serving.gateway.counters import CallOutcome, Counters
from deployments.serving.gateway.dispatch import CallRejected, Dispatcher
from deployments.serving.gateway.files import replace
from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.request import Wire
from deployments.serving.gateway.route_cache import CachedRoute
from deployments.serving.gateway.routes import RoutedSlot, TrafficShare
from deployments.serving.gateway.totals import Totals
from deployments.serving.histogram import bucket
from deployments.serving.http1.failures import FailureLog
from mlops import logs

logger = logging.getLogger(__name__)

REPORT_S = 3.0
"""How often calls in flight are reported though nothing changed: below `STALE_S`."""
MOST_MIRRORED = 32
REFUSED = 400
LONG_MS = 10.0
"""Twice what a model server calls no time at all."""


class Found(NamedTuple):
    """An answer for the client; `retry_after_s` is 0 where that would not help.

    `json_bytes` of the body are JSON where binary tensors follow, else None.
    `took_ms` is what the model server says that it took.
    """

    status: int
    body: bytes
    outcome: CallOutcome
    retry_after_s: int = 0
    json_bytes: int | None = None
    took_ms: int | None = None


class CallLog:
    """Requests in flight in one gateway process, and their outcomes.

    `failures` is the log of requests that failed.
    """

    def __init__(
        self,
        gateway_id: str,
        options: GatewayOptions,
        dispatcher: Dispatcher,
        totals: Totals,
    ) -> None:
        self.failures = FailureLog(logger)
        self._dispatcher, self._totals = dispatcher, totals
        self._counters = Counters(options.traffic, gateway_id)
        self._presence = options.run / "gateways" / f"{gateway_id}.json"
        self._outstanding: dict[str, int] = {}
        self._reported: dict[str, int] = {}
        self._report_at = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(
        self,
        cached: CachedRoute,
        request: Wire,
        done: Callable[[UpstreamAnswer | Failure], None],
    ) -> bool:
        """Send without a task, if that can be; `done` calls `end` and `count`.

        False when nothing was sent; a Failure may still be made good.
        """
        instance = self._dispatcher.ready(cached.backend, cached.most_outstanding)
        if instance is None:
            return False
        if not instance.begin(request.whole(), cached.limit_s, done):
            return False
        key = cached.share.deployment_id
        self._outstanding[key] = self._outstanding.get(key, 0) + 1
        return True

    def end(self, deployment_id: str) -> None:
        """End a request in flight."""
        self._outstanding[deployment_id] -= 1

    async def make_good(
        self, choice: Choice, request: Wire, failure: Failure, start: float
    ) -> tuple[Found, bytes]:
        """Return what came of it at last, and the request's id."""
        found = await self.exchange(choice, request, failure)
        self.count(choice.deployment_id, found.outcome, start, found.took_ms)
        return found, request.request_id

    async def exchange(
        self, choice: Choice, request: Wire, failure: Failure | None = None
    ) -> Found:
        """Return the model server's answer, or the gateway's own in its place."""
        logs.context.set(request.fields)  # of this task alone
        key = choice.deployment_id
        self._outstanding[key] = self._outstanding.get(key, 0) + 1
        try:
            found = await self._dispatcher.send(choice, request, failure)
        except CallRejected as rejection:
            body, wait_s = error(str(rejection)), rejection.retry_after_s
            made = Found(rejection.status, body, rejection.outcome, wait_s)
        else:
            outcome = CallOutcome.of(found)
            made = Found(
                found.status, found.body, outcome, 0, found.json_bytes, found.took_ms
            )
        finally:
            self._outstanding[key] -= 1
        if made.status >= REFUSED:
            self.note(request, made.status, choice.deployment_id)
        return made

    def note(self, request: Wire, status: int, deployment_id: str) -> None:
        what = f"deployment {deployment_id}"
        self.failures.note(request.request_id, status, what, request.span)

    def count(
        self, key: str, outcome: CallOutcome, start: float, took_ms: int | None = None
    ) -> None:
        """Count a call; where it took its time, also what of that was the model's."""
        ms = (time.perf_counter() - start) * 1000
        number = own = bucket(ms)
        if ms > LONG_MS and took_ms is not None:
            own = min(bucket(took_ms), number)
        self._counters.add(key, outcome, ms, number, own)
        self._totals.add(key, outcome, ms, number)

    def mirror(self, slot: RoutedSlot, request: Wire) -> None:
        """Send copies to the shadows; their answers are only counted."""
        for shadow in slot.shadows:
            if len(self._tasks) < MOST_MIRRORED:
                self.later(self._mirror_one(shadow, request))

    async def _mirror_one(self, shadow: TrafficShare, request: Wire) -> None:
        start, choice = time.perf_counter(), Choice(shadow)
        found = await self.exchange(choice, request)
        self.count(choice.deployment_id, found.outcome, start, found.took_ms)

    def later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def flush(self) -> bool:
        """Spool the counts and report what is in flight; True if anything was counted.

        A full disk costs nothing but this second's file.
        """
        has_changed = False
        try:
            has_changed = self._counters.flush()
            self._report()
        except OSError:
            logger.exception("the counts could not be written; trying again")
        return has_changed

    def _report(self) -> None:
        busy = {key: n for key, n in self._outstanding.items() if n}
        if busy == self._reported and time.monotonic() < self._report_at:
            return
        self._presence.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        report = {"at": time.time(), "outstanding": busy}
        replace(self._presence, orjson.dumps(report))
        self._reported, self._report_at = busy, time.monotonic() + REPORT_S

    async def settle(self) -> None:
        """Wait for deferred tasks to finish."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def leave(self) -> None:
        """Report to the scaler that this process has nothing in flight any more."""
        self._presence.unlink(missing_ok=True)
