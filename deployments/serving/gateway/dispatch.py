"""Sends a request to the instance with least to do, and once more if that one died."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from deployments.serving.gateway.choice import Choice
from deployments.serving.gateway.client import (
    BadAnswer,
    BrokeOff,
    CannotConnect,
    ClosedEarly,
    Failure,
    Upstream,
    UpstreamAnswer,
)
from deployments.serving.gateway.counters import UNTIMED, CallOutcome
from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.quarantine import Quarantine
from deployments.serving.gateway.request import Wire
from deployments.serving.gateway.routes import Backend, Routes, TrafficShare
from deployments.serving.gateway.shared import Seats

logger = logging.getLogger(__name__)

DOWN_S = 0.2
POLL_S = 0.02
MOST_TRIES = 8
DRAINS_AFTER_S = 0.2  # targets wait 0.3 s between route and signal


class CallRejected(Exception):
    """The gateway answers itself; what has no other `outcome` is the model's error."""

    def __init__(
        self, status: int, message: str, outcome: CallOutcome = CallOutcome.FAILED
    ) -> None:
        super().__init__(message)
        self.status, self.outcome = status, outcome

    @property
    def retry_after_s(self) -> int:
        """After how many seconds it may be another answer; 0 if it will be the same."""
        return int(self.outcome in UNTIMED)


class _Died(Exception):
    """The instance ended while it had the request."""


def _nothing_ready() -> CallRejected:
    text = "No instance of the model is ready."
    return CallRejected(503, text, CallOutcome.UNAVAILABLE)


class Dispatcher:
    def __init__(
        self,
        routes: Routes,
        options: GatewayOptions,
        quarantine: Quarantine,
        seats: Seats,
    ) -> None:
        self._routes, self._options = routes, options
        self._quarantine, self._seats = quarantine, seats
        self._retries: dict[str, asyncio.Lock] = {}

    def ready(self, backend: Backend, most: int) -> Upstream | None:
        """Return an instance that has less than `most` to do.

        None when a request takes waiting, or a closer look: then it is for `send`.
        """
        if self._quarantine.is_watching:
            return None
        instance = backend.least_busy()
        if instance is None or instance.outstanding >= most:
            return None
        return instance

    def _most(self, share: TrafficShare) -> int:
        return share.max_concurrency or self._options.max_outstanding

    def _limit_s(self, share: TrafficShare) -> float:
        return share.timeout_s or self._options.read_s

    async def send(
        self, choice: Choice, wire: Wire, failure: Failure | None = None
    ) -> UpstreamAnswer:
        """Return the model server's answer. Raises CallRejected.

        Predicting changes nothing, and nothing is passed on before an answer is
        whole, so a request whose process ended is sent once more. Those requests go
        one at a time: if the process dies again, it is clear which request did it.
        With a `failure` the first exchange has been.
        """
        self._refuse_the_banned(choice, wire)
        try:
            answer = await self._attempt(choice, wire, failure)
        except _Died:
            answer = await self._once_more(choice, wire)
        self._quarantine.note_answer(choice.deployment_id, wire)
        return answer

    async def _once_more(self, choice: Choice, wire: Wire) -> UpstreamAnswer:
        async with self._turn(choice.deployment_id):
            self._refuse_the_banned(choice, wire)
            try:
                return await self._attempt(choice, wire)
            except _Died:
                raise CallRejected(
                    502, "The model server ended on this request, twice."
                ) from None

    @asynccontextmanager
    async def _turn(self, deployment_id: str) -> AsyncIterator[None]:
        """Be the only one on the machine that tries a request of it again."""
        async with self._retries.setdefault(deployment_id, asyncio.Lock()):
            while not self._seats.take_turn(deployment_id):
                await asyncio.sleep(POLL_S)
            try:
                yield
            finally:
                self._seats.end_turn(deployment_id)

    def _refuse_the_banned(self, choice: Choice, wire: Wire) -> None:
        if self._quarantine.holds(choice.deployment_id, wire):
            raise CallRejected(
                422, "This request ended the model server twice; it is not sent again."
            )

    async def _attempt(
        self, choice: Choice, wire: Wire, failure: Failure | None = None
    ) -> UpstreamAnswer:
        """Exchange with an instance.

        Raises CallRejected, or _Died if the instance did.
        """
        hold_until = time.monotonic() + self._options.hold_s
        for _ in range(MOST_TRIES):
            if failure is None:
                found = await self._exchange(choice, wire, hold_until)
                if isinstance(found, UpstreamAnswer):
                    return found
                failure = found
            await self._judge(choice, wire, failure)
            failure = None
        raise _nothing_ready()

    async def _exchange(
        self, choice: Choice, wire: Wire, hold_until: float
    ) -> UpstreamAnswer | Failure:
        options, instance = self._options, await self._instance(choice, hold_until)
        if instance.outstanding >= self._most(choice.share):
            raise CallRejected(503, "The model is busy.", CallOutcome.OVERLOAD)
        try:
            return await instance.exchange(
                wire.whole(),
                connect_s=options.connect_s,
                read_s=self._limit_s(choice.share),
                max_bytes=options.max_answer_bytes,
            )
        except (CannotConnect, ClosedEarly, BrokeOff, BadAnswer, TimeoutError) as end:
            return Failure(instance, end)

    async def _judge(self, choice: Choice, wire: Wire, failure: Failure) -> None:
        """Return if it may be sent again as if nothing had been.

        Raises CallRejected or _Died.
        """
        instance, reason = failure
        if isinstance(reason, CannotConnect):
            instance.down_until = time.monotonic() + DOWN_S
        elif isinstance(reason, TimeoutError):
            limit = f"{self._limit_s(choice.share):g} s"
            raise CallRejected(504, f"The model did not answer within {limit}.")
        elif isinstance(reason, BadAnswer):
            raise CallRejected(502, str(reason))
        elif await self._died(instance):
            key = choice.deployment_id
            logger.warning("%s: %s ended on a request", key, instance.path)
            self._quarantine.note_death(key, wire, instance.path)
            raise _Died
        elif isinstance(reason, BrokeOff):
            raise CallRejected(502, "The model's answer broke off.")

    async def _instance(self, choice: Choice, hold_until: float) -> Upstream:
        """Return the least busy instance, waiting a moment for one to come up."""
        while True:
            choice.renew(self._routes)
            backend = self._routes.backends.get(choice.deployment_id)
            if backend is not None and (found := backend.least_busy()) is not None:
                return found
            if time.monotonic() > hold_until:
                raise _nothing_ready()
            await asyncio.sleep(POLL_S)
            slot_key = choice.target.slot_key if choice.target is not None else None
            self._routes.refresh(slot_key, at_once=True)

    async def _died(self, instance: Upstream) -> bool:
        """Whether the instance died, rather than closed an idle connection.

        A draining instance ends some time after it was taken from the routes; one
        that was there a moment ago, and does not listen, is dead.
        """
        left_for = time.monotonic() - instance.closed_at if instance.closed_at else 0.0
        if left_for > DRAINS_AFTER_S:
            return False
        if await instance.is_listening(self._options.connect_s):
            return False
        instance.down_until = time.monotonic() + DOWN_S
        self._routes.refresh(at_once=True)
        return True
