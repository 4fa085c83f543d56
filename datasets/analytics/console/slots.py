"""Machine-wide limit of processes for SQL."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from datasets.analytics.console.model import StatementLimits
from datasets.analytics.errors import Busy

FOLDER = "sql_slots"
POLL_S = 0.05


@contextmanager
def slot(data_dir: Path, limits: StatementLimits) -> Iterator[None]:
    """Hold one of the machine's slots. Raises Busy when none becomes free.

    The kernel releases the slot of a process that dies.
    """
    folder = data_dir / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + limits.wait_s
    while (held := _taken(folder, limits.at_once)) is None:
        if time.monotonic() > deadline:
            raise Busy("Other statements are running. Try again in a moment.")
        time.sleep(POLL_S)
    try:
        yield
    finally:
        os.close(held)


def _taken(folder: Path, places: int) -> int | None:
    for number in range(places):
        file = os.open(
            folder / str(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
        else:
            return file
    return None
