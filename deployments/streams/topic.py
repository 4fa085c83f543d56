"""One watched deployment: how far it was read, and what comes behind that."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployments.logs import path_of
from deployments.models import DeploymentEvent
from deployments.serializers import DeploymentEventSerializer
from deployments.serving import logs
from deployments.states import FINAL
from deployments.streams.messages import StreamPosition
from deployments.streams.reading import WatchedState
from deployments.streams.subscription import StreamSubscription


@dataclass(slots=True, eq=False)
class Topic:
    """What all streams of a deployment have been handed, and these streams."""

    path: Path
    position: StreamPosition
    status: str
    inputs: tuple[Any, ...]
    shown: bytes
    read_at: float
    """On the monotonic clock, in seconds."""
    subscriptions: list[StreamSubscription] = field(default_factory=list)

    @classmethod
    def at(cls, reading: WatchedState) -> "Topic":
        """Return it as it is now; nobody has been handed anything yet."""
        path = path_of(str(reading.deployment.pk))
        return cls(
            path,
            StreamPosition(reading.sequence, logs.end_of(path)),
            reading.deployment.status,
            reading.inputs,
            reading.rendered(),
            time.monotonic(),
        )

    @property
    def has_ended(self) -> bool:
        return self.status in FINAL

    def is_behind(self, position: StreamPosition) -> bool:
        """Whether a client knows more than was read here: another process told it."""
        if position.sequence > self.position.sequence:
            return True
        return position.log is not None and not self._covers(position.log)

    def advance(self, reading: WatchedState, events: Iterable[DeploymentEvent]) -> None:
        """Hand what is new to every stream; each message is rendered once."""
        self.status, self.read_at = reading.deployment.status, time.monotonic()
        chunk = b"".join(self._news(reading, events))
        self.subscriptions = [one for one in self.subscriptions if not one.is_closed]
        if chunk or self.has_ended:
            for one in self.subscriptions:
                one.put(chunk, is_last=self.has_ended)

    def caught_up(
        self, client: StreamPosition, events: Iterable[DeploymentEvent]
    ) -> bytes:
        """Return the messages that bring a client from where it is to here, exactly.

        `events` are those behind the client's position; what lies beyond this topic's
        comes with its next step.
        """
        here = self.position
        at = StreamPosition(client.sequence, client.log or here.log)
        messages = []
        for event in events:
            if event.sequence <= here.sequence:
                at.sequence = event.sequence
                messages.append(_told(at, event))
        messages.append(at.rendered("deployment", self.shown))
        for line, behind in self._missed(client.log):
            at.log = behind
            messages.append(at.message("log", line.text))
        # What was skipped, such as blank lines, is behind the client as well.
        at.sequence, at.log = here.sequence, here.log
        if self.has_ended:
            messages.append(at.message("end", self.status))
        return b"".join(messages)

    def _news(
        self, reading: WatchedState, events: Iterable[DeploymentEvent]
    ) -> Iterator[bytes]:
        here = self.position
        for event in events:
            here.sequence = event.sequence
            yield _told(here, event)
        if reading.inputs != self.inputs:
            self.inputs, before = reading.inputs, self.shown
            self.shown = reading.rendered()
            if self.shown != before:
                yield here.rendered("deployment", self.shown)
        for line, behind in logs.read_on(self.path, here.log or logs.Position(0, 0)):
            here.log = behind
            yield here.message("log", line.text)
        if self.has_ended:
            yield here.message("end", self.status)

    def _missed(
        self, since: logs.Position | None
    ) -> Iterator[tuple[logs.LogLine, logs.Position]]:
        """Yield the lines between a client and here, none to a newcomer."""
        for line, behind in logs.read_on(self.path, since) if since else ():
            if not self._covers(behind, since=since):
                return
            yield line, behind

    def _covers(
        self, log: logs.Position, *, since: logs.Position | None = None
    ) -> bool:
        """Whether a place in the log was read here: in this file, or in an older one.

        Copies are dated, so that the greater date is the newer file. `since` is where
        a client began: its old file was read whole before the present one.
        """
        here = self.position.log or logs.Position(0, 0)
        if log.copied_at == here.copied_at:
            return log.offset <= here.offset
        began_there = since is not None and log.copied_at == since.copied_at
        return began_there or log.copied_at < here.copied_at


def _told(position: StreamPosition, event: DeploymentEvent) -> bytes:
    return position.message("event", DeploymentEventSerializer(event).data)
