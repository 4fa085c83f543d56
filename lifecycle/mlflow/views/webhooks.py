"""MLflow's webhooks: made, shown, changed, deleted, tried; rows that REST shows too.

Addresses are looked up and called, which no transaction waits for. A webhook of REST
has no events of MLflow's, and is not there for its client.
"""

import re
from typing import Any, Final

from django.db.models import Q

from lifecycle.mlflow import tokens
from lifecycle.mlflow.endpoint import NOTHING, Answer, MlflowCall
from lifecycle.mlflow.errors import InvalidValue, Missing
from lifecycle.mlflow.fields import Fields, missing, read_fields, wrong
from lifecycle.mlflow.limits import MAX_BODY_BYTES, WEBHOOKS_DEFAULT, WEBHOOKS_MAX
from lifecycle.mlflow.messages.webhooks import (
    read_event,
    read_events,
    read_is_enabled,
    result_message,
    webhook_message,
)
from mlops.core.ids import as_uuid
from mlops.webhooks.models import Webhook
from mlops.webhooks.models.webhook import MAX_SECRET
from mlops.webhooks.sending import send_test
from mlops.webhooks.states import MessageFormat

_KIND: Final = "webhooks"
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", re.IGNORECASE)
_MAX_TEXT: Final = 1000


def create(call: MlflowCall) -> Answer:
    fields = _body(call)
    for required in ("name", "url"):
        fields.text(required, required=True)
    if not fields.array("events", required=True):
        raise missing("events")
    asked = _read(fields)
    made = Webhook.add(by=call.by, format=MessageFormat.MLFLOW, **asked)
    return _shown(made)


def show(call: MlflowCall) -> Answer:
    return _shown(_named(call))


def search(call: MlflowCall) -> Answer:
    """Return the newest first, which the token of a page goes on from."""
    fields = call.fields
    most = fields.limit("max_results", WEBHOOKS_DEFAULT, WEBHOOKS_MAX)
    rows = _rows().order_by("-created_at", "-pk")
    if token := fields.text("page_token"):
        at, pk = tokens.unseal(_KIND, token)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
    found = list(rows[: most + 1])
    answer: dict[str, Any] = {
        "webhooks": [webhook_message(one) for one in found[:most]]
    }
    if len(found) > most:
        last = found[most - 1]
        answer["next_page_token"] = tokens.seal(_KIND, [last.created_at, str(last.pk)])
    return answer


def update(call: MlflowCall) -> Answer:
    """Change what is given; an empty secret ends the signatures."""
    asked = _read(_body(call))
    webhook = _named(call)
    return _shown(webhook.change(by=call.by, **asked) if asked else webhook)


def delete(call: MlflowCall) -> Answer:
    _named(call).remove(by=call.by)
    return NOTHING


def test(call: MlflowCall) -> Answer:
    """Send MLflow's example of the event, or of the webhook's first one."""
    fields = _body(call)
    given = fields.values.get("event")
    if not isinstance(given, dict | None):
        raise wrong("event", given)
    webhook = _named(call)
    events = webhook.events if given is None else [read_event(Fields(given))]
    webhook.wire.kinds_of(events)
    return {"result": result_message(send_test(webhook, events))}


def _body(call: MlflowCall) -> Fields:
    return read_fields(call.request, MAX_BODY_BYTES)


def _read(fields: Fields) -> dict[str, Any]:
    """Return the fields of a webhook that a request names. Raises InvalidValue."""
    asked: dict[str, Any] = {}
    for name in ("name", "url"):
        if text := fields.text(name):
            asked[name] = text
    for name in ("description", "secret"):
        if fields.has(name):
            asked[name] = fields.text(name)
    if fields.array("events"):
        asked["events"] = read_events(fields)
    if fields.has("status"):
        asked["is_enabled"] = read_is_enabled(fields)
    _require_short(asked)
    return asked


def _require_short(asked: dict[str, Any]) -> None:
    name = asked.get("name")
    if name is not None and not _NAME.fullmatch(name):
        raise InvalidValue(
            f"Webhook name {name[:100]!r} is invalid. It must start and end with a "
            "letter or digit, be less than 63 characters long, and contain only "
            "letters, digits, dots (.), underscores (_), and hyphens (-)."
        )
    limits = {"url": _MAX_TEXT, "description": _MAX_TEXT, "secret": MAX_SECRET}
    for field, most in limits.items():
        if len(asked.get(field, "")) > most:
            text = f"'{field}' exceeds the maximum length of {most} characters"
            raise InvalidValue(text)


def _rows() -> Any:
    return Webhook.objects.filter(format=MessageFormat.MLFLOW)


def _named(call: MlflowCall) -> Webhook:
    text = call.path["webhook_id"]
    known = as_uuid(text)
    found: Webhook | None = _rows().filter(pk=known).first() if known else None
    if found is None:
        raise Missing(f"Webhook with ID {text[:100]} not found.")
    return found


def _shown(webhook: Webhook) -> Answer:
    return {"webhook": webhook_message(webhook)}
