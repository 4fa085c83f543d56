"""Webhooks and their messages as the API reads and shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from mlops.core.fields import MAX_WHOLE
from mlops.core.serializers import AnswerSerializer, StrictSerializer, TimeField
from mlops.webhooks.kinds import CHOICES
from mlops.webhooks.messages import PREFIX
from mlops.webhooks.models import Webhook
from mlops.webhooks.models.webhook import MAX_SECRET
from mlops.webhooks.signing import FORM
from mlops.webhooks.states import MessageFormat, MessageState

MAX_KEEP_HOURS = 168
KIND_TABLE = "\n".join(f"* `{name}`: {text}" for name, text in CHOICES)


class KindsField(serializers.ListField):
    """Kinds of events; the document says what each of them means."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", f"What it is told:\n\n{KIND_TABLE}")
        child = serializers.ChoiceField(choices=CHOICES)
        options |= {"child": child, "min_length": 1, "max_length": len(CHOICES)}
        super().__init__(**options)


class _Address(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        text = (
            "http or https, at a public address, or one that `MLOPS_ALERT_HOSTS` names."
        )
        super().__init__(max_length=1000, help_text=text, **options)


class _Secret(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        text = f"What the receiver checks signatures with: {FORM} It is never shown."
        super().__init__(
            max_length=MAX_SECRET, write_only=True, help_text=text, **options
        )


class WebhookCreateSerializer(StrictSerializer):
    """A new webhook; without a secret it gets one, which is shown once."""

    name = serializers.CharField(max_length=100)
    url = _Address()
    kinds = KindsField()
    description = serializers.CharField(
        max_length=1000, required=False, allow_blank=True
    )
    is_enabled = serializers.BooleanField(required=False)
    secret = _Secret(required=False)


class WebhookUpdateSerializer(StrictSerializer):
    """What is to be another of a webhook; the rest stays."""

    name = serializers.CharField(max_length=100, required=False)
    url = _Address(required=False)
    kinds = KindsField(required=False)
    description = serializers.CharField(
        max_length=1000, required=False, allow_blank=True
    )
    is_enabled = serializers.BooleanField(
        required=False, help_text="What happens while it is off is passed over."
    )
    secret = _Secret(required=False)


class WebhookRotateSecretSerializer(StrictSerializer):
    """Another secret; without one it gets a new one, which is shown once."""

    secret = _Secret(required=False)
    keep_hours = serializers.IntegerField(
        min_value=0,
        max_value=MAX_KEEP_HOURS,
        required=False,
        help_text="How long the secret before signs as well: 24 hours, if not said.",
    )


@extend_schema_serializer(component_name="WebhookResponse")
class WebhookSerializer(AnswerSerializer):
    """An address that is told what happens here."""

    absent_when_unknown = frozenset({"rests_until", "created_by", "old_secret_until"})

    id = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField(help_text="Where messages are posted to.")
    kinds = KindsField()
    format = serializers.ChoiceField(
        choices=MessageFormat.choices,
        help_text="`mlflow` has MLflow's body and headers; MLflow's client made it.",
    )
    events = serializers.ListField(
        child=serializers.CharField(),
        help_text="MLflow's names of what it is told, none in CloudEvents.",
    )
    description = serializers.CharField()
    is_enabled = serializers.BooleanField()
    off_reason = serializers.CharField(
        help_text='Why it was switched off here; "" if a person did, or it is on.'
    )
    waiting = serializers.IntegerField(help_text="Messages that are on their way.")
    given_up = serializers.IntegerField(
        help_text="Messages in the log that were given up; replay them."
    )
    failures = serializers.IntegerField(
        help_text="How often in a row nobody was there to take a message."
    )
    rests_until = TimeField(help_text="Until when it is left alone.")
    old_secret_until = TimeField(
        help_text="Until when messages are signed by the secret before as well."
    )
    created_by = serializers.SerializerMethodField()
    created_at = TimeField()
    updated_at = TimeField()

    def get_created_by(self, webhook: Webhook) -> str | None:
        return webhook.created_by.username if webhook.created_by else None


@extend_schema_serializer(component_name="WebhookCreatedResponse")
class NewWebhookSerializer(WebhookSerializer):
    """A webhook with its new secret, if that was made here."""

    absent_when_unknown = WebhookSerializer.absent_when_unknown | {"secret"}

    secret = serializers.SerializerMethodField(
        help_text="In this one answer only, and only if none was given."
    )

    @extend_schema_field(serializers.CharField())
    def get_secret(self, _webhook: Webhook) -> str | None:
        made: str | None = self.context.get("secret")
        return made


@extend_schema_serializer(component_name="WebhookTryResponse")
class WebhookTrySerializer(AnswerSerializer):
    """One try to send a message, and what became of it."""

    absent_when_unknown = frozenset({"status"})

    at = TimeField()
    status = serializers.IntegerField(help_text="HTTP; no value if nobody answered.")
    error = serializers.CharField(help_text='"" if it arrived.')
    took_ms = serializers.IntegerField(
        help_text="From the look-up of the address to the answer."
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return self.known(instance)


@extend_schema_serializer(component_name="WebhookDeliveryResponse")
class WebhookDeliverySerializer(AnswerSerializer):
    """An event's message to a webhook: where it is, and what was tried."""

    absent_when_unknown = frozenset({"next_at", "delivered_at"})

    id = serializers.CharField()
    message_id = serializers.CharField(
        help_text="What its receiver knows it by, in every try and replay."
    )
    kind = serializers.CharField()
    entry = serializers.IntegerField(help_text="The entry of the audit trail.")
    object_type = serializers.CharField()
    object_id = serializers.CharField()
    object_name = serializers.CharField()
    state = serializers.ChoiceField(
        choices=MessageState.choices,
        help_text="`waiting` is on its way; `given_up` is tried no more.",
    )
    attempts = serializers.IntegerField(
        help_text="How often it was tried since it was queued or replayed."
    )
    tries = WebhookTrySerializer(many=True, help_text="The newest last.")
    next_at = serializers.SerializerMethodField(help_text="When it is tried (again).")
    created_at = TimeField()
    delivered_at = TimeField(help_text="When its receiver answered with a 2xx.")

    @extend_schema_field(TimeField())
    def get_next_at(self, delivery: Any) -> str | None:
        if delivery.state != MessageState.WAITING:
            return None
        shown: str = TimeField().to_representation(delivery.next_at)
        return shown


@extend_schema_serializer(component_name="WebhookDeliveryDetailResponse")
class WebhookMessageSerializer(WebhookDeliverySerializer):
    """A message with the body that is sent."""

    body = serializers.CharField(help_text="As it is sent, letter by letter.")


@extend_schema_serializer(component_name="WebhookKindResponse")
class KindSerializer(AnswerSerializer):
    """A kind of events that a webhook may be told."""

    name = serializers.CharField()
    text = serializers.CharField(help_text="What has happened.")
    type = serializers.SerializerMethodField(help_text="The CloudEvents type.")

    def get_type(self, kind: Any) -> str:
        return f"{PREFIX}{kind.name}"


@extend_schema_serializer(component_name="WebhookTestResponse")
class TestedSerializer(AnswerSerializer):
    """What came of a message that was sent to try the address."""

    absent_when_unknown = frozenset({"status"})

    has_arrived = serializers.BooleanField(
        help_text="Whether the address answered with a 2xx."
    )
    status = serializers.IntegerField(help_text="HTTP; no value if nobody answered.")
    error = serializers.CharField(help_text='"" if it arrived.')


@extend_schema_serializer(component_name="WebhookReplay")
class ReplaySerializer(StrictSerializer):
    """Which part of the audit trail is to be told again."""

    after = serializers.IntegerField(
        min_value=0,
        max_value=MAX_WHOLE,
        help_text="The id of an entry: those behind it are told (again).",
    )
    until = serializers.IntegerField(
        min_value=0,
        max_value=MAX_WHOLE,
        required=False,
        help_text="The last entry; without it, the last that it has been told.",
    )


@extend_schema_serializer(component_name="WebhookReplayResponse")
class ReplayedSerializer(AnswerSerializer):
    """How many messages are on their way because of it."""

    messages = serializers.IntegerField(
        help_text="Those of the log that go out again, and those made anew."
    )
