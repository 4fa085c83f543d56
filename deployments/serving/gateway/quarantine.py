"""Remembers requests that end model processes, so that one cannot end them all."""

import hashlib
import time
from collections import OrderedDict
from typing import TypeVar

Value = TypeVar("Value")

BAN_S = 600.0
MOST = 1024
DEATHS = 2


class Quarantine:
    """Counts deaths by (deployment, request); an answer clears the suspicion.

    Many clients may have sent the same request to the process that died: that is
    one death. Suspicions and bans end by themselves.
    """

    def __init__(self) -> None:
        self._suspects: OrderedDict[bytes, tuple[float, set[str]]] = OrderedDict()
        self._banned: OrderedDict[bytes, float] = OrderedDict()

    @property
    def is_watching(self) -> bool:
        """Whether any request is suspected or banned."""
        now = time.monotonic()
        while self._banned and next(iter(self._banned.values())) < now:
            self._banned.popitem(last=False)
        while self._suspects and next(iter(self._suspects.values()))[0] < now:
            self._suspects.popitem(last=False)
        return bool(self._suspects or self._banned)

    def holds(self, deployment_id: str, request: bytes) -> bool:
        if not self._banned:
            return False
        until = self._banned.get(_mark(deployment_id, request), 0.0)
        return until > time.monotonic()

    def note_death(self, deployment_id: str, request: bytes, instance: str) -> None:
        """Note an instance that ended on the request; the second one bans it."""
        mark = _mark(deployment_id, request)
        _, before = self._suspects.pop(mark, (0.0, set[str]()))
        dead, until = before | {instance}, time.monotonic() + BAN_S
        if len(dead) < DEATHS:
            _keep(self._suspects, mark, (until, dead))
        else:
            self._banned.pop(mark, None)
            _keep(self._banned, mark, until)

    def note_answer(self, deployment_id: str, request: bytes) -> None:
        if self._suspects:
            self._suspects.pop(_mark(deployment_id, request), None)


def _mark(deployment_id: str, request: bytes) -> bytes:
    return hashlib.sha256(deployment_id.encode() + request).digest()


def _keep(kept: "OrderedDict[bytes, Value]", mark: bytes, value: Value) -> None:
    kept[mark] = value
    while len(kept) > MOST:
        kept.popitem(last=False)
