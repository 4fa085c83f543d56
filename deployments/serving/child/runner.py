"""Runs predictions one at a time, so that health and signals stay live meanwhile."""

import asyncio
import faulthandler
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from deployments.serving.child.stopwatch import Stopwatch, threads_beside

logger = logging.getLogger(__name__)

HUNG_EXIT = 70
QUICK_S, SLOW_S = 0.002, 0.05
PAUSE_S = 0.001
"""What is longer is no part of a stretch of computing: nobody asked, or a wait."""
QUICK_BYTES = 1 << 15
TRUST_AFTER, MOST_TRUST, DOUBT = 8, 16, 4

Made = TypeVar("Made")
Body = bytes | memoryview
Work = Callable[[Body], Made]


@dataclass(slots=True)
class Took:
    """Duration of a request in milliseconds; None until it is known."""

    ms: int | None = None


class Runner:
    """A thread for predictions, or none for a model that has proved to be quick.

    Going to a thread and back costs more than a small model's whole answer. After
    some quick ones in a row they run in the loop itself, until one is slow or a few
    in a row are not quick: on a busy machine any one may have to wait for its turn.

    A prediction cannot be interrupted: past `limit_s` the process ends itself, and
    its supervisor starts another.
    """

    def __init__(self, limit_s: float) -> None:
        helpers = threads_beside()
        self._here = Stopwatch([threading.get_native_id(), *helpers])
        self._beside = Stopwatch(helpers)
        self._pool = ThreadPoolExecutor(
            1, thread_name_prefix="predict", initializer=self._follow
        )
        self._limit_s = limit_s
        self._since = 0.0
        self._quick = 0
        self._queued = 0
        self._stretch, self._ended_at = self._here.start(), 0.0

    def is_quick(self, body: Body) -> bool:
        """Whether the loop itself may run it, with `run_now`."""
        is_trusted = self._quick >= TRUST_AFTER and not self._queued
        return is_trusted and len(body) < QUICK_BYTES

    def run_now(self, work: Work[Made], body: Body, took: Took) -> Made:
        """Run it here; `took` has the time for which the loop has computed at most.

        Those before it may have kept it waiting. Rounded up to a power of two: what
        is always the same is read once.
        """
        start = self._here.start()
        if start.at - self._ended_at > PAUSE_S:
            self._stretch = start
        try:
            return self._run(work, body)
        finally:
            end = self._ended_at = time.monotonic()
            ms = self._here.took_ms(self._stretch, end, end - start.at)
            took.ms = 1 << ms.bit_length() if ms else 0

    async def run(self, work: Work[Made], body: Body, took: Took) -> Made:
        """Run it here or in the thread; `took` has the wait for those before it."""
        if self.is_quick(body):
            return self.run_now(work, body, took)
        loop, start = asyncio.get_running_loop(), self._beside.start()
        self._queued += 1
        ends: list[float] = []

        def run() -> Made:
            try:
                return self._run(work, body)
            finally:
                ends.append(time.monotonic())

        try:
            return await loop.run_in_executor(self._pool, run)
        finally:
            self._queued -= 1
            if ends:
                end = self._ended_at = ends[0]
                took.ms = self._beside.took_ms(start, end, end - start.at)

    async def watch(self) -> None:
        """End the process once a prediction hangs.

        The loop sees one that hangs in the thread. If the loop itself hangs, or
        native code keeps the interpreter, faulthandler's own thread ends it.
        """
        try:
            while True:
                faulthandler.dump_traceback_later(self._limit_s, exit=True)
                since = self._since
                if since and time.monotonic() - since > self._limit_s:
                    logger.error("a prediction took over %g s: ending", self._limit_s)
                    os._exit(HUNG_EXIT)
                await asyncio.sleep(min(1.0, self._limit_s / 4))
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _run(self, work: Work[Made], body: Body) -> Made:
        start = self._since = time.monotonic()
        try:
            return work(body)
        finally:
            self._since = 0.0
            self._weigh(time.monotonic() - start)

    def _follow(self) -> None:
        self._beside.follow(threading.get_native_id())

    def _weigh(self, took_s: float) -> None:
        if took_s < QUICK_S:
            self._quick = min(self._quick + 1, MOST_TRUST)
        else:
            self._quick = max(self._quick - DOUBT, 0) if took_s < SLOW_S else 0
