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
    one death.
    """

    def __init__(self) -> None:
        self._suspects: OrderedDict[bytes, set[str]] = OrderedDict()
        self._banned: OrderedDict[bytes, float] = OrderedDict()

    def holds(self, deployment_id: str, request: bytes) -> bool:
        if not self._banned:
            return False
        mark = _mark(deployment_id, request)
        until = self._banned.get(mark, 0.0)
        if until and until < time.monotonic():
            del self._banned[mark]
            return False
        return until > 0

    def note_death(self, deployment_id: str, request: bytes, instance: str) -> None:
        """Note an instance that ended on the request; the second one bans it."""
        mark = _mark(deployment_id, request)
        dead = self._suspects.pop(mark, set()) | {instance}
        if len(dead) < DEATHS:
            _keep(self._suspects, mark, dead)
        else:
            _keep(self._banned, mark, time.monotonic() + BAN_S)

    def note_answer(self, deployment_id: str, request: bytes) -> None:
        if self._suspects:
            self._suspects.pop(_mark(deployment_id, request), None)


def _mark(deployment_id: str, request: bytes) -> bytes:
    return hashlib.sha256(deployment_id.encode() + request).digest()


def _keep(kept: "OrderedDict[bytes, Value]", mark: bytes, value: Value) -> None:
    kept[mark] = value
    while len(kept) > MOST:
        kept.popitem(last=False)
