"""A pin that is renewed in the background for as long as a backup runs."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import getpid
from typing import Final

from django.db import DatabaseError, connection

from mlops.core.models import FilePin, PinLost

logger = logging.getLogger(__name__)

RENEW_EVERY_S: Final = 60.0


class Pinned:
    """The pin of this backup. `require` raises PinLost once it ran out."""

    def __init__(self) -> None:
        self._pin = FilePin.take(f"backup {getpid()} on {socket.gethostname()}"[:100])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renewing, daemon=True)
        self._thread.start()

    def require(self) -> None:
        """Renew it now. Raises PinLost: then files may be gone, and nothing counts."""
        FilePin.renew(self._pin)

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        FilePin.release(self._pin)

    def _renewing(self) -> None:
        try:
            while not self._ended.wait(RENEW_EVERY_S):
                try:
                    FilePin.renew(self._pin)
                except PinLost:
                    return  # whoever asks next hears of it
                except DatabaseError:
                    logger.warning(
                        "The pin was not renewed; trying again", exc_info=True
                    )
                    connection.close()
        finally:
            connection.close()


@contextmanager
def pinned() -> Iterator[Pinned]:
    """Keep every file that a row names now, until the block ends."""
    pin = Pinned()
    try:
        yield pin
    finally:
        pin.end()
