"""Errors of a target or the disk: log them and retry in the next pass."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.serving.terms import NoRoom, TargetTrouble
from mlops.core import byte_store

logger = logging.getLogger(__name__)


@contextmanager
def retried_next_pass(doing: str) -> Iterator[None]:
    """Log errors of targets and of the disk, and continue; the next pass retries."""
    try:
        yield
    except (TargetTrouble, OSError) as trouble:
        logger.warning("There was trouble to %s: %s", doing, trouble)


def want_of_room(trouble: Exception) -> str:
    """Return the message of an error that passes when there is disk space, else ""."""
    if isinstance(trouble, NoRoom):
        return str(trouble)
    return byte_store.disk_full_message(trouble) if isinstance(trouble, OSError) else ""
