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
    """Counts deaths by (deployment, request); an answer clears the suspicion."""

    def __init__(self) -> None:
        self._suspects: OrderedDict[bytes, int] = OrderedDict()
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

    def note_death(self, deployment_id: str, request: bytes) -> bool:
        """Count a process that ended on the request; True once it is banned."""
        mark = _mark(deployment_id, request)
        deaths = self._suspects.pop(mark, 0) + 1
        if deaths < DEATHS:
            _keep(self._suspects, mark, deaths)
            return False
        _keep(self._banned, mark, time.monotonic() + BAN_S)
        return True

    def note_answer(self, deployment_id: str, request: bytes) -> None:
        if self._suspects:
            self._suspects.pop(_mark(deployment_id, request), None)


def _mark(deployment_id: str, request: bytes) -> bytes:
    return hashlib.sha256(deployment_id.encode() + request).digest()


def _keep(kept: "OrderedDict[bytes, Value]", mark: bytes, value: Value) -> None:
    kept[mark] = value
    while len(kept) > MOST:
        kept.popitem(last=False)
