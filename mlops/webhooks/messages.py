"""What is sent of an event: CloudEvents 1.0 in its structured JSON form.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md.
"""

from datetime import datetime
from typing import Any, Final

from mlops.core.models import AuditEntry, Installation
from mlops.webhooks.kinds import TEST, EventKind

PREFIX: Final = "mlops."
"""Before the kind, in a CloudEvents `type`."""


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
