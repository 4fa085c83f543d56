"""What to do when a target does not do what it is told: log it, ask again later."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.targets.base import TargetTrouble

logger = logging.getLogger(__name__)


@contextmanager
def patience(doing: str) -> Iterator[None]:
    """Let a target's trouble pass; the next pass does the same again."""
    try:
        yield
    except (TargetTrouble, OSError) as trouble:
        logger.warning("A target had trouble to %s: %s", doing, trouble)
