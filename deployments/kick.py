"""Wakes the reconciler: a datagram to its socket, for speed only.

Nothing depends on it; a reconciler that was not woken looks by itself soon.
"""

import contextlib
import logging
import os
import select
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings

logger = logging.getLogger(__name__)


def kick(path: Path | None = None) -> None:
    """Wake the reconciler that listens at `path`, by default this machine's own."""
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
    ):
        sender.setblocking(False)  # noqa: FBT003 - socket's own signature
        sender.sendto(b"", os.fspath(path or _path()))


class Kicks:
    """The listening end; `wait` returns at the first kick or after a while."""

    def __enter__(self) -> Self:
        path = _path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003
        try:
            self._socket.bind(str(path))
        except OSError as error:  # such as a folder whose name is too long for it
            logger.warning("Nobody can wake the reconciler: %s", error)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def wait(self, seconds: float) -> None:
        """Return when kicked, at the latest after `seconds`."""
        select.select([self._socket], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(1)


def _path() -> Path:
    return Path(settings.DATA_DIR) / "run" / "kick.sock"
