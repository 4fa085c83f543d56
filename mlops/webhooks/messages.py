"""What is sent of an event: CloudEvents 1.0 in its structured JSON form.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from django.utils import timezone

from mlops.core.errors import Invalid
from mlops.core.models import AuditEntry, Installation
from mlops.webhooks import signing
from mlops.webhooks.formats import Message
from mlops.webhooks.kinds import TEST, EventKind

PREFIX: Final = "mlops."
"""Before the kind, in a CloudEvents `type`."""


class CloudEvents:
    """The format of whatever is not asked for by another protocol."""

    def kinds_of(self, events: Sequence[str]) -> list[str]:
        """It has no events beside the kinds. Raises Invalid."""
        raise Invalid("Name kinds: events are MLflow's.", field="events")

    def message(
        self,
        entry: AuditEntry,
        kind: EventKind,
        installation: Installation,
        events: Sequence[str],
    ) -> Message:
        event = cloud_event(entry, kind, installation)
        return Message(event["id"], orjson.dumps(event))

    def test(
        self,
        name: str,
        installation: Installation,
        events: Sequence[str],
    ) -> Message:
        identity = f"{installation.uid}-test-{uuid.uuid4()}"
        event = test_event(name, identity, installation, timezone.now())
        return Message(identity, orjson.dumps(event))

    def headers(
        self, message_id: str, seconds: int, body: bytes, secrets: Sequence[str]
    ) -> dict[str, str]:
        keys = [signing.key_of(secret) for secret in secrets]
        signatures = (signing.signature(k, message_id, seconds, body) for k in keys)
        return {
            "Content-Type": "application/cloudevents+json; charset=utf-8",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": " ".join(signatures),
        }


def message_id(installation: Installation, entry: AuditEntry) -> str:
    """Return what a receiver knows the event by; the same each time it is sent."""
    return f"{installation.uid}-{entry.pk}"


def cloud_event(
    entry: AuditEntry, kind: EventKind, installation: Installation
) -> dict[str, Any]:
    """Return the event as CloudEvents; `data` is what the audit trail has.

    An actor's address is not sent, nor what the kind withholds.
    """
    return {
        **_attributes(kind.name, message_id(installation, entry), installation),
        "subject": f"{entry.object_type}/{entry.object_id}",
        "time": entry.at.isoformat(),
        "data": {
            "entry": entry.pk,
            "action": entry.action,
            "object_type": entry.object_type,
            "object_id": entry.object_id,
            "object_name": entry.object_name,
            "number": entry.number,
            "actor": entry.actor.username if entry.actor else None,
            "via": entry.via or None,
            "request_id": entry.request_id,
            "changes": {
                name: value
                for name, value in entry.changes.items()
                if name not in kind.withheld
            },
        },
    }


def test_event(
    name: str, identity: str, installation: Installation, now: datetime
) -> dict[str, Any]:
    """Return the event that tries the address of the webhook of that name."""
    return {
        **_attributes(TEST, identity, installation),
        "time": now.isoformat(),
        "data": {"webhook": name},
    }


def _attributes(kind: str, identity: str, installation: Installation) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": identity,
        "source": f"urn:uuid:{installation.uid}",
        "type": f"{PREFIX}{kind}",
        "datacontenttype": "application/json",
    }
