"""What the worker runs: each app registers its loop and threads when it is ready.

By import path, so that other processes need not import them.
"""

import threading
from typing import Protocol, cast

from django.db import transaction
from django.utils.module_loading import import_string

from mlops.worker.thread import WorkerThread

_loops: list[str] = []
_threads: list[str] = []
_wakers: list[str] = []


class Loop(Protocol):
    """What the worker's main thread does."""

    def run(self, stopping: threading.Event) -> None: ...

    def stop_all(self) -> None:
        """Stop what goes on running without the worker."""


def register(*, loop: str = "", threads: tuple[str, ...] = (), waker: str = "") -> None:
    """Add a loop (a class without arguments) and WorkerThread classes, by path.

    `waker` is a function that wakes the worker from any process.
    """
    if waker and waker not in _wakers:
        _wakers.append(waker)
    if loop and loop not in _loops:
        _loops.append(loop)
    _threads.extend(path for path in threads if path not in _threads)


def loop() -> Loop:
    """Return the loop of the main thread, made now; there is exactly one."""
    (path,) = _loops
    return cast("Loop", import_string(path)())


def wake() -> None:
    """Wake the worker, which polls only now and then."""
    for path in _wakers:
        import_string(path)()


def wake_on_commit(**_signal: object) -> None:
    """Wake it for what this transaction writes."""
    transaction.on_commit(wake)


def threads(stopping: threading.Event) -> list[WorkerThread]:
    """Return a thread of each registered class, none of them started."""
    return [import_string(path)(stopping) for path in _threads]
