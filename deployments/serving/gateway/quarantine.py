"""Remembers requests that end model processes, so that one cannot end them all.

What one gateway process of the machine learns holds for all: it lies in a file that
they replace under a lock, and a number in shared memory says when to read it again.
"""

import hashlib
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from deployments.serving.gateway.files import replace
from deployments.serving.gateway.request import Wire
from deployments.serving.gateway.shared import NOTICE, SharedTable

logger = logging.getLogger(__name__)

BAN_S = 600.0
MOST = 1024
DEATHS = 2
Suspects = dict[str, tuple[float, list[str]]]
"""When the suspicion ends, and the instances that ended on the request."""


class Quarantine:
    """Counts deaths by (deployment, request); an answer clears the suspicion.

    Many clients may have sent the same request to the process that died: that is
    one death. Suspicions and bans end by themselves.
    """

    def __init__(self, path: Path, table: SharedTable) -> None:
        self._path, self._table = path, table
        self._suspects: Suspects = {}
        self._banned: dict[str, float] = {}
        self._notice = -1

    @property
    def is_watching(self) -> bool:
        """Whether any request is suspected or banned."""
        if self._notice != self._table.header[NOTICE]:
            self._read()
        if not self._suspects and not self._banned:
            return False
        self._forget()
        return bool(self._suspects or self._banned)

    def holds(self, deployment_id: str, request: Wire) -> bool:
        if not self.is_watching:
            return False
        until = self._banned.get(_mark(deployment_id, request), 0.0)
        return until > time.time()

    def note_death(self, deployment_id: str, request: Wire, instance: str) -> None:
        """Note an instance that ended on the request; the second one bans it."""
        mark, until = _mark(deployment_id, request), time.time() + BAN_S
        with self._changed():
            _, before = self._suspects.pop(mark, (0.0, list[str]()))
            dead = sorted({*before, instance})
            if len(dead) < DEATHS:
                self._suspects[mark] = (until, dead)
            else:
                self._banned.pop(mark, None)
                self._banned[mark] = until

    def note_answer(self, deployment_id: str, request: Wire) -> None:
        if not self._suspects:
            return
        mark = _mark(deployment_id, request)
        if mark in self._suspects:
            with self._changed():
                self._suspects.pop(mark, None)

    @contextmanager
    def _changed(self) -> Iterator[None]:
        """Change what all processes know; a full disk keeps it to this one."""
        with self._table.seats.alone():
            self._read()
            yield
            self._forget()
            content = {"suspects": self._suspects, "banned": self._banned}
            try:
                replace(self._path, orjson.dumps(content))
            except OSError:
                logger.exception("the quarantine could not be written")
                return
            self._table.header[NOTICE] += 1
            self._notice = self._table.header[NOTICE]

    def _read(self) -> None:
        self._notice = self._table.header[NOTICE]
        try:
            found = orjson.loads(self._path.read_bytes())
        except (FileNotFoundError, orjson.JSONDecodeError):
            return
        self._suspects, self._banned = found["suspects"], found["banned"]

    def _forget(self) -> None:
        """Drop what is over, and the oldest of too many."""
        now = time.time()
        suspects = [item for item in self._suspects.items() if item[1][0] > now]
        banned = [item for item in self._banned.items() if item[1] > now]
        self._suspects, self._banned = dict(suspects[-MOST:]), dict(banned[-MOST:])


def _mark(deployment_id: str, request: Wire) -> str:
    content = deployment_id.encode() + request.head + request.body
    return hashlib.sha256(content).hexdigest()
