"""One reader for all live streams of a process."""

import logging
import threading
import time
import uuid
from collections.abc import Iterable, Mapping

from django.db import Error, close_old_connections, connections

from deployments.streams.messages import StreamPosition
from deployments.streams.reading import events_behind, read
from deployments.streams.subscription import StreamSubscription
from deployments.streams.topic import Topic

logger = logging.getLogger(__name__)

POLL_S = 1.0
FRESH_S = 0.1
"""For how long a newcomer takes what was read just now instead of reading again."""


class Hub:
    """Reads what changed once a second, while somebody watches, and hands it around.

    A newcomer's own thread brings it to where its deployment's other streams are; from
    there on the one reader feeds all of them. `_reading` is held by whoever reads, so
    that a deployment only ever moves forward.
    """

    def __init__(self, *, poll_s: float = POLL_S) -> None:
        self._poll_s = poll_s
        self._reading = threading.Lock()
        self._topics: dict[uuid.UUID, Topic] = {}
        self._starting = threading.Lock()
        self._reader: threading.Thread | None = None

    def subscribe(
        self, deployment_id: uuid.UUID, position: StreamPosition
    ) -> StreamSubscription:
        """Return a stream that begins with what the client has missed.

        One of a deployment that has ended, or is gone, ends behind that.
        """
        with self._reading:
            topic = self._topic(deployment_id, position)
            if topic is None:
                return StreamSubscription(b"", is_complete=True)
            behind = events_behind({deployment_id: position.sequence})
            missed = topic.caught_up(position, behind[deployment_id])
            made = StreamSubscription(missed, is_complete=topic.has_ended)
            if not topic.has_ended:
                topic.subscriptions.append(made)
            return made

    def follow(self) -> None:
        """See that the reader runs; it ends by itself when nobody watches."""
        with self._starting:
            if self._reader is None:
                self._reader = threading.Thread(
                    target=self._read_on, name="stream-reader", daemon=True
                )
                self._reader.start()

    def step(self) -> int:
        """Read once what is watched; return how many deployments that are."""
        with self._reading:
            self._forget()
            if self._topics:
                self._advance(list(self._topics))
            return len(self._topics)

    @property
    def watched(self) -> int:
        """How many deployments streams are open of, or were a second ago."""
        return len(self._topics)

    def _topic(
        self, deployment_id: uuid.UUID, position: StreamPosition
    ) -> Topic | None:
        self._forget()
        topic = self._topics.get(deployment_id)
        if topic is None:
            for reading in read([deployment_id]).values():
                topic = Topic.at(reading)
                if not topic.has_ended:
                    self._topics[deployment_id] = topic
            return topic
        is_old = time.monotonic() - topic.read_at > FRESH_S
        if is_old or topic.is_behind(position):
            self._advance([deployment_id])
            return topic if topic.has_ended else self._topics.get(deployment_id)
        return topic

    def _advance(self, deployment_ids: Iterable[uuid.UUID]) -> None:
        """Bring these to what they are now, in five queries.

        If that fails their streams end: the clients come back, and are told why.
        """
        watched = {one: self._topics[one] for one in deployment_ids}
        try:
            self._hand_around(watched)
        except BaseException:
            for one in watched:
                self._drop(one)
            raise

    def _hand_around(self, watched: Mapping[uuid.UUID, Topic]) -> None:
        readings = read(watched)
        moved = {
            one: watched[one].position.sequence
            for one, reading in readings.items()
            if reading.sequence > watched[one].position.sequence
        }
        events = events_behind(moved)
        for one, topic in watched.items():
            if one in readings:
                topic.advance(readings[one], events[one])
            if one not in readings or topic.has_ended:
                self._drop(one)

    def _drop(self, deployment_id: uuid.UUID) -> None:
        """End the streams of a deployment behind what they were handed."""
        topic = self._topics.pop(deployment_id, None)
        for each in topic.subscriptions if topic else ():
            each.finish()

    def _forget(self) -> None:
        """Leave out what nobody watches any more."""
        for one, topic in list(self._topics.items()):
            if all(each.is_closed for each in topic.subscriptions):
                del self._topics[one]

    def _read_on(self) -> None:
        try:
            while self._is_wanted():
                time.sleep(self._poll_s)
        except Error:
            logger.warning("Live streams could not be read, and end", exc_info=True)
        finally:
            connections.close_all()
            with self._starting:
                if self._reader is threading.current_thread():
                    self._reader = None

    def _is_wanted(self) -> bool:
        """Read once; return whether anybody watches. If not, the next one starts it."""
        close_old_connections()
        if self.step():
            return True
        with self._starting:
            if not self._topics:
                self._reader = None
            return self._reader is not None


HUB = Hub()
"""The one of this process."""
