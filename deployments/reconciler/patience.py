"""What to do when a target or the disk does not do its part: log it, try again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.serving.terms import NoRoom, TargetTrouble
from mlops.core import byte_store

logger = logging.getLogger(__name__)


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
    return byte_store.want_of_room(trouble) if isinstance(trouble, OSError) else ""
