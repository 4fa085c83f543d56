"""Sends a request to the instance with least to do, and once more if that one died."""

import asyncio
import time

from deployments.gateway.client import (
    Answer,
    BadAnswer,
    CannotConnect,
    ClosedEarly,
    Instance,
)
from deployments.gateway.options import Options
from deployments.gateway.quarantine import Quarantine
from deployments.gateway.routes import Backend, Routes

DOWN_S = 0.2
POLL_S = 0.02
MOST_TRIES = 8


class Rejected(Exception):
    """The gateway answers itself; `is_overload` is counted apart from errors."""

    def __init__(self, status: int, message: str, *, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status, self.retry_after_s = status, retry_after_s

    @property
    def is_overload(self) -> bool:
        return self.retry_after_s > 0


class Dispatcher:
    def __init__(self, routes: Routes, options: Options) -> None:
        self._routes, self._options = routes, options
        self._quarantine = Quarantine()
        self._retries: dict[str, asyncio.Lock] = {}

    async def send(self, deployment_id: str, wire: bytes) -> Answer:
        """Return the model server's answer. Raises Rejected.

        Predicting changes nothing, so a request whose connection ended before the
        first byte of an answer is sent once more. Those requests go one at a time:
        if the process dies again, it is clear which request did it.
        """
        if self._quarantine.holds(deployment_id, wire):
            raise Rejected(
                422, "This request ended the model server twice; it is not sent again."
            )
        try:
            answer = await self._attempt(deployment_id, wire)
        except ClosedEarly:
            self._quarantine.note_death(deployment_id, wire)
            answer = await self._once_more(deployment_id, wire)
        self._quarantine.note_answer(deployment_id, wire)
        return answer

    async def _once_more(self, deployment_id: str, wire: bytes) -> Answer:
        async with self._retries.setdefault(deployment_id, asyncio.Lock()):
            try:
                return await self._attempt(deployment_id, wire)
            except ClosedEarly:
                self._quarantine.note_death(deployment_id, wire)
                raise Rejected(
                    502, "The model server ended on this request, twice."
                ) from None

    async def _attempt(self, deployment_id: str, wire: bytes) -> Answer:
        """Exchange with an instance. Raises Rejected, or ClosedEarly if it died."""
        options, hold_until = self._options, time.monotonic() + self._options.hold_s
        for _ in range(MOST_TRIES):
            instance = await self._instance(deployment_id, hold_until)
            if instance.outstanding >= options.max_outstanding:
                raise Rejected(503, "The model is busy.", retry_after_s=1)
            try:
                return await instance.exchange(
                    wire,
                    connect_s=options.connect_s,
                    read_s=options.read_s,
                    max_bytes=options.max_answer_bytes,
                )
            except CannotConnect:
                instance.down_until = time.monotonic() + DOWN_S
            except ClosedEarly:
                if await self._died(deployment_id, instance):
                    raise
            except TimeoutError:
                raise Rejected(
                    504, f"The model did not answer within {options.read_s:g} s."
                ) from None
            except BadAnswer as error:
                raise Rejected(502, str(error)) from None
        raise Rejected(503, "No instance of the model is ready.", retry_after_s=1)

    async def _instance(self, deployment_id: str, hold_until: float) -> Instance:
        """Return the least busy instance, waiting a moment for one to come up."""
        while True:
            backend = self._routes.backends.get(deployment_id)
            if backend is not None and (found := backend.least_busy()) is not None:
                return found
            if time.monotonic() > hold_until:
                raise Rejected(
                    503, "No instance of the model is ready.", retry_after_s=1
                )
            await asyncio.sleep(POLL_S)
            self._routes.refresh(at_once=True)

    async def _died(self, deployment_id: str, instance: Instance) -> bool:
        """Tell a death from a connection that a draining instance closed."""
        self._routes.refresh(at_once=True)
        backend: Backend | None = self._routes.backends.get(deployment_id)
        if backend is None or instance not in backend.instances:
            return False
        if await instance.is_listening(self._options.connect_s):
            return False
        instance.down_until = time.monotonic() + DOWN_S
        return True
