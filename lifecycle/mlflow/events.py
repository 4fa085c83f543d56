"""Webhooks in MLflow's format: its events, bodies and headers (MLflow 3.17).

Its protocol: https://mlflow.org/docs/latest/ml/webhooks/. What it sends of a model or a
version that a body needs is read when the message is queued; of one that was deleted
meanwhile it sends what the audit trail knows.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from django.utils import timezone

from lifecycle.mlflow.messages.registry import rows_of, version_messages
from lifecycle.models import ModelVersion, RegisteredModel, RegisteredModelTag
from lifecycle.states import IS_PROMPT
from mlops.core.errors import Invalid
from mlops.core.models import AuditEntry, Installation
from mlops.webhooks import signing
from mlops.webhooks.formats import Message
from mlops.webhooks.kinds import EventKind

Data = dict[str, Any]
_TEXT: Final = "mlflow.prompt.text"
_INTERNAL: Final = frozenset({IS_PROMPT, "_mlflow_prompt_type", _TEXT})
_EXAMPLE_MODEL: Final[Data] = {
    "name": "example_model",
    "tags": {"example_key": "example_value"},
    "description": "An example registered model",
}
_EXAMPLE_TAG: Final[Data] = {"key": "example_key", "value": "example_value"}
_EXAMPLE_VERSION: Final[Data] = {"name": "example_model", "version": "1"}
_EXAMPLE_ALIAS: Final[Data] = {"name": "example_model", "alias": "example_alias"}


@dataclass(frozen=True, slots=True)
class MlflowEvent:
    """An event of MLflow's: the kind whose entries tell of it, and an example."""

    kind: str
    example: Data


EVENTS: Final = {
    "registered_model.created": MlflowEvent("model.created", _EXAMPLE_MODEL),
    "model_version.created": MlflowEvent(
        "model_version.registered",
        {
            **_EXAMPLE_VERSION,
            "source": "models:/123",
            "run_id": "abcd1234abcd5678",
            "tags": {"example_key": "example_value"},
            "description": "An example model version",
        },
    ),
    "model_version_tag.set": MlflowEvent(
        "model_version.tagged", {**_EXAMPLE_VERSION, **_EXAMPLE_TAG}
    ),
    "model_version_tag.deleted": MlflowEvent(
        "model_version.untagged", {**_EXAMPLE_VERSION, "key": "example_key"}
    ),
    "model_version_alias.created": MlflowEvent(
        "model.alias_changed", {**_EXAMPLE_ALIAS, "version": "1"}
    ),
    "model_version_alias.deleted": MlflowEvent("model.alias_changed", _EXAMPLE_ALIAS),
    "prompt.created": MlflowEvent(
        "model.created",
        {
            **_EXAMPLE_MODEL,
            "name": "example_prompt",
            "description": "An example prompt",
        },
    ),
    "prompt_version.created": MlflowEvent(
        "model_version.registered",
        {
            "name": "example_prompt",
            "version": "1",
            "template": "Hello {{name}}!",
            "tags": {"example_key": "example_value"},
            "description": "An example prompt version",
        },
    ),
    "prompt_tag.set": MlflowEvent(
        "model.tagged", {"name": "example_prompt", **_EXAMPLE_TAG}
    ),
    "prompt_tag.deleted": MlflowEvent(
        "model.untagged", {"name": "example_prompt", "key": "example_key"}
    ),
    "prompt_version_tag.set": MlflowEvent(
        "model_version.tagged",
        {"name": "example_prompt", "version": "1", **_EXAMPLE_TAG},
    ),
    "prompt_version_tag.deleted": MlflowEvent(
        "model_version.untagged",
        {"name": "example_prompt", "version": "1", "key": "example_key"},
    ),
    "prompt_alias.created": MlflowEvent(
        "model.alias_changed",
        {"name": "example_prompt", "alias": "example_alias", "version": "1"},
    ),
    "prompt_alias.deleted": MlflowEvent(
        "model.alias_changed", {"name": "example_prompt", "alias": "example_alias"}
    ),
}
"""Every event of MLflow 3.17 but `budget_policy.exceeded`: nothing here has a budget.

The examples are MLflow's own, which its test of a webhook sends.
"""


class MlflowEvents:
    """The format of webhooks that MLflow's client made."""

    def kinds_of(self, events: Sequence[str]) -> list[str]:
        for event in events:
            if event not in EVENTS:
                text = f"There is nothing here that {event} could tell of. {_KNOWN}"
                raise Invalid(text, field="events")
        return sorted({EVENTS[event].kind for event in events})

    def message(
        self,
        entry: AuditEntry,
        kind: EventKind,
        installation: Installation,
        events: Sequence[str],
    ) -> Message | None:
        found = _MAKERS[kind.name](entry)
        if found is None or found[0] not in events:
            return None
        identity = uuid.uuid5(installation.uid, str(entry.pk))
        return _message(identity, *found, entry.at.isoformat())

    def test(
        self,
        name: str,
        installation: Installation,
        events: Sequence[str],
    ) -> Message:
        event, at = events[0], timezone.now().isoformat()
        return _message(uuid.uuid4(), event, EVENTS[event].example, at)

    def headers(
        self, message_id: str, seconds: int, body: bytes, secrets: Sequence[str]
    ) -> Mapping[str, str]:
        """MLflow's receivers know one signature; without a secret there is none."""
        headers = {
            "Content-Type": "application/json",
            "X-MLflow-Delivery-Id": message_id,
            "X-MLflow-Timestamp": str(seconds),
        }
        for secret in secrets[:1]:
            signature = signing.signature(secret.encode(), message_id, seconds, body)
            headers["X-MLflow-Signature"] = signature
        return headers


_KNOWN: Final = f"Events that are told: {', '.join(EVENTS)}."


def _message(identity: uuid.UUID, event: str, data: Data, at: str) -> Message:
    entity, _, action = event.partition(".")
    body = {"entity": entity, "action": action, "timestamp": at, "data": data}
    return Message(str(identity), orjson.dumps(body))


@dataclass(frozen=True, slots=True)
class _Subject:
    """What an entry is about; `tags` and below are "" or {} of what was deleted."""

    name: str
    is_prompt: bool
    version: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    description: str = ""
    source: str = ""
    run_id: str = ""

    def event(self, model: str, prompt: str, data: Data) -> tuple[str, Data]:
        return (prompt if self.is_prompt else model), data

    @property
    def shown_tags(self) -> dict[str, str]:
        hidden = _INTERNAL if self.is_prompt else frozenset()
        return {key: text for key, text in self.tags.items() if key not in hidden}

    @property
    def numbered(self) -> Data:
        return {"name": self.name, "version": self.version}

    def full(self, key: str, noted: str) -> str:
        """Return a tag's value, of which the trail keeps the beginning."""
        stored = self.tags.get(key, "")
        return stored if stored.startswith(noted) else noted


Event = tuple[str, Data] | None


def _model_created(entry: AuditEntry) -> Event:
    of = _model(entry)
    data = {
        "name": of.name,
        "tags": of.shown_tags,
        "description": of.description,
    }
    return of.event("registered_model.created", "prompt.created", data)


def _model_tagged(entry: AuditEntry) -> Event:
    of = _model(entry)
    ((key, noted),) = entry.changes["tags"].items()
    data = {"name": of.name, "key": key, "value": of.full(key, noted)}
    return ("prompt_tag.set", data) if of.is_prompt else None


def _model_untagged(entry: AuditEntry) -> Event:
    of = _model(entry)
    data = {"name": of.name, "key": entry.changes["tags"]}
    return ("prompt_tag.deleted", data) if of.is_prompt else None


def _alias_changed(entry: AuditEntry) -> Event:
    of, changes = _model(entry), entry.changes.items()
    alias, after = next((k, v[1]) for k, v in changes if isinstance(v, list))
    data = {"name": of.name, "alias": alias}
    if after is None:
        return of.event("model_version_alias.deleted", "prompt_alias.deleted", data)
    data["version"] = str(after)
    return of.event("model_version_alias.created", "prompt_alias.created", data)


def _version_registered(entry: AuditEntry) -> Event:
    of = _version(entry)
    said = {"tags": of.shown_tags, "description": of.description or None}
    if of.is_prompt:
        data = {**of.numbered, "template": of.tags.get(_TEXT), **said}
        return "prompt_version.created", data
    data = {**of.numbered, "source": of.source, "run_id": of.run_id or None, **said}
    return "model_version.created", data


def _version_tagged(entry: AuditEntry) -> Event:
    of = _version(entry)
    ((key, noted),) = entry.changes["tags"].items()
    data = {**of.numbered, "key": key, "value": of.full(key, noted)}
    return of.event("model_version_tag.set", "prompt_version_tag.set", data)


def _version_untagged(entry: AuditEntry) -> Event:
    of = _version(entry)
    data = {**of.numbered, "key": entry.changes["tags"]}
    return of.event("model_version_tag.deleted", "prompt_version_tag.deleted", data)


_MAKERS: Final[dict[str, Callable[[AuditEntry], Event]]] = {
    "model.created": _model_created,
    "model.tagged": _model_tagged,
    "model.untagged": _model_untagged,
    "model.alias_changed": _alias_changed,
    "model_version.registered": _version_registered,
    "model_version.tagged": _version_tagged,
    "model_version.untagged": _version_untagged,
}


def _model(entry: AuditEntry) -> _Subject:
    name = entry.object_name
    row = RegisteredModel.objects.filter(pk=entry.object_id).first()
    if row is None:
        return _Subject(name, _was_prompt(object_id=entry.object_id))
    tags = dict(row.tags.values_list("key", "value"))
    is_prompt = tags.get(IS_PROMPT) == "true"
    return _Subject(name, is_prompt, tags=tags, description=row.description)


def _version(entry: AuditEntry) -> _Subject:
    row = rows_of(ModelVersion.objects.filter(pk=entry.object_id)).first()
    if row is None:
        return _deleted_version(entry)
    shown = version_messages([row])[0]
    prompts = RegisteredModelTag.objects.filter(key=IS_PROMPT, value="true")
    return _Subject(
        name=row.model__name,
        is_prompt=prompts.filter(model=row.model_id).exists(),
        version=shown["version"],
        tags={tag["key"]: tag["value"] for tag in shown.get("tags", ())},
        description=row.description,
        source=shown["source"],
        run_id=shown["run_id"],
    )


def _deleted_version(entry: AuditEntry) -> _Subject:
    of_version = AuditEntry.objects.filter(
        object_type=entry.object_type, object_id=entry.object_id, action="register"
    )
    registered = of_version.first()
    number = registered.changes.get("number", "") if registered else ""
    name = entry.object_name.rpartition(" ")[0]
    model = RegisteredModel.objects.filter(name=name)
    is_prompt = (
        model.filter(tags__key=IS_PROMPT, tags__value="true").exists()
        if model.exists()
        else _was_prompt(object_name=name)
    )
    return _Subject(name, is_prompt, version=str(number))


def _was_prompt(**about: str) -> bool:
    """Return whether the newest model of that id or name was made as a prompt."""
    made = AuditEntry.objects.filter(
        object_type="lifecycle.registeredmodel", action="create", **about
    ).first()
    return made is not None and bool(made.changes.get("is_prompt"))
