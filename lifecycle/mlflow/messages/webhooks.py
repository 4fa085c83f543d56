"""Webhooks as the protocol shows them, and its events and states as we know them."""

from typing import Any, Final

from lifecycle.mlflow.fields import Fields, missing, wrong
from lifecycle.times import to_ms
from mlops.webhooks.models import Webhook
from mlops.webhooks.posting import PostOutcome

_ENTITIES: Final = (
    *("REGISTERED_MODEL", "MODEL_VERSION", "MODEL_VERSION_TAG", "MODEL_VERSION_ALIAS"),
    *("PROMPT", "PROMPT_VERSION", "PROMPT_TAG", "PROMPT_VERSION_TAG", "PROMPT_ALIAS"),
    "BUDGET_POLICY",
)
_ACTIONS: Final = ("CREATED", "UPDATED", "DELETED", "SET", "EXCEEDED")
_STATES: Final = ("ACTIVE", "DISABLED")
"""In the order of their numbers in the protocol, from 1."""


def webhook_message(webhook: Webhook) -> dict[str, Any]:
    message: dict[str, Any] = {
        "webhook_id": str(webhook.pk),
        "name": webhook.name,
        "url": webhook.url,
        "events": [_event_message(event) for event in webhook.events],
        "status": "ACTIVE" if webhook.is_enabled else "DISABLED",
        "creation_timestamp": to_ms(webhook.created_at),
        "last_updated_timestamp": to_ms(webhook.updated_at),
    }
    if webhook.description:
        message["description"] = webhook.description
    return message


def result_message(outcome: PostOutcome) -> dict[str, Any]:
    """Return what came of a test; what the receiver wrote is not shown."""
    message: dict[str, Any] = {"success": not outcome.error}
    if outcome.status is not None:
        message["response_status"] = outcome.status
    if outcome.error:
        message["error_message"] = outcome.error
    return message


def read_event(event: Fields) -> str:
    """Return `entity.action`. Raises InvalidValue for what the protocol has not."""
    entity = _word(event, "entity", _ENTITIES)
    return f"{entity}.{_word(event, 'action', _ACTIONS)}".lower()


def read_events(fields: Fields) -> list[str]:
    """Return the events of a request, each once, in its order."""
    return list(dict.fromkeys(read_event(one) for one in fields.objects("events")))


def read_is_enabled(fields: Fields) -> bool:
    return _word(fields, "status", _STATES) == "ACTIVE"


def _event_message(event: str) -> dict[str, str]:
    entity, _, action = event.upper().partition(".")
    return {"entity": entity, "action": action}


def _word(fields: Fields, name: str, words: tuple[str, ...]) -> str:
    """Return one of the protocol's words, which may be sent as its number."""
    value = fields.values.get(name)
    if value is None:
        raise missing(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = words[value - 1] if 0 < value <= len(words) else value
    if value not in words:
        raise wrong(name, value, f" It is one of {', '.join(words)}.")
    return str(value)
