"""Server-sent events, and ids of them that bring a client back to where it was."""

import re
from dataclasses import dataclass
from typing import Any, Self

import orjson

from deployments.serving import logs

RETRY = b"retry: 1000\n\n"
_ID = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,20})-([0-9]{1,15}))?")


@dataclass(slots=True)
class StreamPosition:
    """Where a client is: the last event's number, and how far it has read the log.

    `log` is None of a newcomer, who starts at the log's end.
    """

    sequence: int = 0
    log: logs.Position | None = None

    @classmethod
    def named(cls, last_id: str) -> Self:
        """Return the position that an id names; "" is a newcomer's."""
        found = _ID.fullmatch(last_id)
        if found is None:
            return cls()
        sequence, *position = (int(number or 0) for number in found.groups())
        return cls(sequence, None if found[2] is None else logs.Position(*position))

    def message(self, kind: str, data: Any) -> bytes:
        """Return a message whose id brings a client back to here."""
        return self.rendered(kind, orjson.dumps(data, default=str))

    def rendered(self, kind: str, body: bytes) -> bytes:
        """Return a message of JSON that is there already."""
        log = self.log or logs.Position(0, 0)
        return b"id: %d-%d-%d\nevent: %s\ndata: %s\n\n" % (
            *(self.sequence, log.copied_at, log.offset),
            kind.encode(),
            body,
        )


def is_position(last_id: str) -> bool:
    """Whether a stream may have given this id."""
    return _ID.fullmatch(last_id) is not None
