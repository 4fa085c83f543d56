"""A few threads that compress, close and write, with a bound on what waits for them."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

THREADS: Final = 2
_AHEAD: Final = 2 * THREADS


def in_order(act: Callable[[Given], Made], things: Iterable[Given]) -> Iterator[Made]:
    """Yield what `act` makes of each thing, in their order; few are held at a time."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="backup") as pool:
        waiting: deque[Future[Made]] = deque()
        try:
            for thing in things:
                waiting.append(pool.submit(act, thing))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()
