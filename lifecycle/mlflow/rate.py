"""Write rate limit of the protocol, a caller and minute.

A training loop sends thousands of them, each a commit of its own. Counting them in the
database, as the REST rates are, would make each cost two; so each web process counts
what comes to it, in memory: a caller has the limit in every process.
"""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Final

from django.conf import settings
from rest_framework.exceptions import Throttled

from mlops.core.context import current

WINDOW_S: Final = 60


@dataclass(slots=True)
class _Window:
    """The writes of the present minute, by caller."""

    minute: int
    counts: dict[int | str, int]


_window = _Window(0, {})
_lock = Lock()


def count(caller: int | None) -> None:
    """Count a write of a user, or of an address where nobody signed in.

    Raises Throttled, which says how many seconds are left of the minute, above
    `MLOPS_MLFLOW_WRITE_RATE`; 0 is no limit.
    """
    limit = settings.MLFLOW_WRITE_RATE
    if not limit:
        return
    now = int(time.time())
    who = current.get().remote_address if caller is None else caller
    with _lock:
        if _window.minute != now // WINDOW_S:
            _window.minute, _window.counts = now // WINDOW_S, {}
        counted = _window.counts[who] = _window.counts.get(who, 0) + 1
    if counted > limit:
        raise Throttled(wait=WINDOW_S - now % WINDOW_S)


def forget() -> None:
    """Begin the minute anew for everybody."""
    with _lock:
        _window.counts = {}
