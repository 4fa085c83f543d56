"""Formats of messages: what is sent of an entry, and the headers that go with it.

An app registers a format by import path, so that processes need not import it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from django.utils.module_loading import import_string

if TYPE_CHECKING:  # apps register before there are models
    from mlops.core.models import AuditEntry, Installation
    from mlops.webhooks.kinds import EventKind


@dataclass(frozen=True, slots=True)
class Message:
    """A body as it is sent each time, and the id that its receiver knows it by."""

    id: str
    body: bytes


class WebhookFormat(Protocol):
    """Makes messages of entries; `events` are the webhook's own, in its words."""

    def kinds_of(self, events: Sequence[str]) -> list[str]:
        """Return the kinds that the events are of. Raises Invalid."""

    def message(
        self,
        entry: "AuditEntry",
        kind: "EventKind",
        installation: "Installation",
        events: Sequence[str],
    ) -> Message | None:
        """Return the message of an entry, None where it is none of the events."""

    def test(
        self, name: str, installation: "Installation", events: Sequence[str]
    ) -> Message:
        """Return a message that tries the address of the webhook of that name."""

    def headers(
        self, message_id: str, seconds: int, body: bytes, secrets: Sequence[str]
    ) -> Mapping[str, str]:
        """Return the headers of a message that is sent at that time."""


_paths: dict[str, str] = {}


def register(name: str, path: str) -> None:
    """Name the class of a format, which is made without arguments."""
    _paths[name] = path


def format_of(name: str) -> WebhookFormat:
    """Return the format of that name."""
    return cast("WebhookFormat", import_string(_paths[name])())
