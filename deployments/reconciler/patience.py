"""What to do when a target or the disk does not do its part: log it, try again."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.targets.base import NoRoom, TargetTrouble

logger = logging.getLogger(__name__)

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""Errors that say something about the disk, and nothing about a deployment."""


@contextmanager
def patience(doing: str) -> Iterator[None]:
    """Let trouble pass; the next pass does the same again."""
    try:
        yield
    except (TargetTrouble, OSError) as trouble:
        logger.warning("There was trouble to %s: %s", doing, trouble)


def want_of_room(trouble: Exception) -> str:
    """Return the sentence for trouble that passes when there is room, else ""."""
    if isinstance(trouble, NoRoom):
        return str(trouble)
    if isinstance(trouble, OSError) and trouble.errno in NO_ROOM:
        return f"The data folder cannot be written to now: {trouble.strerror}."
    return ""
