"""Wakes this machine's worker, at once or when a transaction is committed."""

from pathlib import Path

from django.conf import settings
from django.db import transaction

from deployments.serving.waking import WakeClient, WakeSocket

EFFECT_S = 1.0
"""How long a response waits for the gateways to apply what was written."""


def wake_worker() -> None:
    WakeClient(_path()).wake()


def wake_worker_and_wait() -> bool:
    """Return once the rows have taken effect in the gateways, or after a second."""
    return WakeClient(_path()).wake_and_wait(EFFECT_S)


def wake_on_commit() -> None:
    transaction.on_commit(wake_worker)


def wait_on_commit(**_signal: object) -> None:
    """Wait after the commit for the effect, before the response goes out."""
    transaction.on_commit(_wait)


def wake_socket() -> WakeSocket:
    """Return the listening end."""
    return WakeSocket(_path())


def _wait() -> None:
    wake_worker_and_wait()


def _path() -> Path:
    return Path(settings.DATA_DIR) / "run" / "wake.sock"
