"""A fixed number of places, each held by one open stream."""

from collections import deque


class Places:
    """Takes and gives back places without a lock.

    A place comes back in a finalizer, which runs wherever the garbage collector does:
    also in a thread that is inside `take`.
    """

    def __init__(self, number: int) -> None:
        self._free = deque([None] * number)

    def take(self) -> bool:
        """Take a place; False if none is left."""
        try:
            self._free.pop()
        except IndexError:
            return False
        return True

    def give_back(self) -> None:
        self._free.append(None)
