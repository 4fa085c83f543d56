"""What one open stream is still to be sent: bounded, whoever reads slowly."""

import threading
from collections import deque
from collections.abc import Callable

MAX_PENDING_BYTES = 1 << 20
"""Beyond the newest chunk. Streams of one deployment share the bytes of a chunk."""


class StreamSubscription:
    """Chunks of messages from the hub to one stream, in order.

    The hub puts, one consumer takes, each in a thread of its own. A consumer that
    leaves more than `MAX_PENDING_BYTES` behind is dropped: what is pending is thrown
    away and the stream ends. Its client comes back with its last id and misses nothing.
    """

    def __init__(self, caught_up: bytes, *, is_complete: bool = False) -> None:
        self._lock = threading.Lock()
        self._chunks = deque([caught_up] if caught_up else ())
        self._bytes = len(caught_up)
        self._is_complete = is_complete
        self._wake: Callable[[], object] | None = None
        self.is_closed = False
        """Whether its stream is gone; the hub then forgets it."""
        self.was_dropped = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is pending, and nothing will come any more."""
        return self._is_complete and not self._chunks

    @property
    def pending_bytes(self) -> int:
        return self._bytes

    def listen(self, wake: Callable[[], object]) -> None:
        """Have `wake` called, in the hub's thread, when there is news."""
        self._wake = wake

    def put(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Add a chunk, or drop the stream if it is too far behind."""
        with self._lock:
            if self._is_complete or self.is_closed:
                return
            if self._bytes and self._bytes + len(chunk) > MAX_PENDING_BYTES:
                self._chunks.clear()
                self._bytes, self.was_dropped, self._is_complete = 0, True, True
            else:
                self._chunks.extend([chunk] if chunk else ())
                self._bytes += len(chunk)
                self._is_complete = is_last
        if self._wake is not None:
            self._wake()

    def finish(self) -> None:
        """End the stream behind what is pending."""
        self.put(b"", is_last=True)

    def take(self) -> bytes:
        """Return all that is pending, b"" if nothing is."""
        with self._lock:
            taken = b"".join(self._chunks)
            self._chunks.clear()
            self._bytes = 0
        return taken

    def close(self) -> None:
        """Leave; takes no lock, as it runs in finalizers."""
        self.is_closed = True
