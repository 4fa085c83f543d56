"""Keeps a share of the infer calls, in bounded memory, and spools it each second.

What is spooled are bodies as they came; the worker makes rows of them
(`deployments.samples` says where). Whatever is over a bound is not kept: a sample
need not be complete.
"""

import asyncio
import base64
import fcntl
import logging
import os
import random
import time
from pathlib import Path
from typing import Any

import orjson

logger = logging.getLogger(__name__)

PERIOD_S = 600
MAX_BODY_BYTES = 64 << 10
MAX_PENDING_BYTES = 1 << 20
MAX_FILE_BYTES = 8 << 20
MAX_SPOOL_BYTES = 256 << 20

Kept = tuple[float, str, bytes, int | None]


class Sampler:
    """Keeps requests; `pending` are the bytes that each process has in memory.

    The bounds hold for all processes that share `pending` and a name.
    """

    def __init__(
        self, folder: Path, name: str, pending: memoryview | None = None, seat: int = 0
    ) -> None:
        self._folder, self._name = folder, name
        self._kept: list[Kept] = []
        self._pending = (
            memoryview(bytearray(8)).cast("q") if pending is None else pending
        )
        self._seat = seat

    def offer(
        self,
        deployment_id: str,
        rate: float,
        body: bytes,
        json_bytes: int | None = None,
    ) -> None:
        """Keep the request with the given probability, if there is room.

        `json_bytes` of the body are JSON where binary tensors follow, else None.
        """
        if random.random() >= rate or len(body) > MAX_BODY_BYTES:  # noqa: S311
            return
        if sum(self._pending) + len(body) <= MAX_PENDING_BYTES:
            self._pending[self._seat] += len(body)
            self._kept.append((time.time(), deployment_id, body, json_bytes))

    async def spool(self) -> None:
        """Write what is kept, in a thread: a slow disk holds up no request."""
        if self._kept:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, self._write, self._taken())

    def close(self) -> None:
        self._write(self._taken())

    def _taken(self) -> list[Kept]:
        taken, self._kept = self._kept, []
        self._pending[self._seat] = 0
        return taken

    def _write(self, kept: list[Kept]) -> None:
        """Append whole lines to the file of each period; an error loses the batch."""
        periods: dict[int, list[bytes]] = {}
        for each in kept:
            period = int(each[0]) // PERIOD_S * PERIOD_S
            periods.setdefault(period, []).append(_line(*each))
        try:
            for period, lines in periods.items():
                self._append(f"{self._name}-{period}.jsonl", b"".join(lines))
        except OSError:
            logger.exception("a sample of the requests could not be written")

    def _append(self, name: str, lines: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _size(self._folder) + len(lines) > MAX_SPOOL_BYTES:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        descriptor = os.open(self._folder / name, flags, 0o600)
        with os.fdopen(descriptor, "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            if end + len(lines) > MAX_FILE_BYTES:
                return
            if file.write(lines) < len(lines):  # the disk is full
                file.truncate(end)


def _line(at: float, deployment_id: str, body: bytes, json_bytes: int | None) -> bytes:
    text = body[:json_bytes].decode("utf-8", "replace")
    entry: dict[str, Any] = {"at": at, "deployment": deployment_id, "body": text}
    if json_bytes is not None:
        entry["tensors"] = base64.b64encode(body[json_bytes:]).decode()
    return orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)


def _size(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(entry.stat().st_size for entry in entries)
