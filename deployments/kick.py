"""Wakes this machine's worker, at once or when a transaction is committed."""

from pathlib import Path

from django.conf import settings
from django.db import transaction

from deployments.serving.waking import Bell, WakeSocket

EFFECT_S = 1.0
"""How long an answer waits for the gateways to act by what was written."""


def kick() -> None:
    Bell(_path()).wake()


def kick_and_wait() -> bool:
    """Return when the gateways act by what is in the rows, after a second at most."""
    return Bell(_path()).wake_and_wait(EFFECT_S)


def kick_on_commit() -> None:
    transaction.on_commit(kick)


def wait_on_commit(**_signal: object) -> None:
    """Let what was asked for take effect before the answer goes out."""
    transaction.on_commit(_wait)


def calls() -> WakeSocket:
    """Return the listening end."""
    return WakeSocket(_path())


def _wait() -> None:
    kick_and_wait()


def _path() -> Path:
    return Path(settings.DATA_DIR) / "run" / "kick.sock"
