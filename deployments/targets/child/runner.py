"""Runs predictions one at a time beside the event loop, so that health stays live."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

logger = logging.getLogger(__name__)

HUNG_EXIT = 70


class Runner:
    """One thread for predictions, and a watch over how long one takes.

    A prediction cannot be interrupted: past `limit_s` the process ends itself,
    and its supervisor starts another.
    """

    def __init__(self, limit_s: float) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="predict")
        self._limit_s = limit_s
        self._since = 0.0

    async def run(self, work: Callable[[bytes], bytes], body: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._timed, work, body)

    async def watch(self) -> None:
        """End the process once a prediction hangs."""
        while True:
            await asyncio.sleep(min(1.0, self._limit_s / 4))
            since = self._since
            if since and time.monotonic() - since > self._limit_s:
                logger.error("a prediction took over %g s: ending", self._limit_s)
                os._exit(HUNG_EXIT)

    def _timed(self, work: Callable[[bytes], bytes], body: bytes) -> bytes:
        self._since = time.monotonic()
        try:
            return work(body)
        finally:
            self._since = 0.0
