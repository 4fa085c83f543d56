"""Transient errors of targets and disks: logged, and retried in the next pass."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from deployments.serving.terms import CapacityError, TransientTargetError
from mlops.core import byte_store

logger = logging.getLogger(__name__)


@contextmanager
def retried_next_pass(doing: str) -> Iterator[None]:
    """Log errors of targets and of the disk, and continue; the next pass retries."""
    try:
        yield
    except (TransientTargetError, OSError) as error:
        logger.warning("Could not %s; the next pass tries again: %s", doing, error)


def capacity_message(error: Exception) -> str:
    """Return the message of a lack of capacity, such as disk space, else ""."""
    if isinstance(error, CapacityError):
        return str(error)
    return byte_store.disk_full_message(error) if isinstance(error, OSError) else ""
