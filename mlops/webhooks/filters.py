"""How the log of messages can be searched."""

import django_filters

from mlops.webhooks.kinds import KINDS
from mlops.webhooks.models import WebhookDelivery
from mlops.webhooks.states import MessageState


class DeliveryFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=MessageState.choices)
    kind = django_filters.ChoiceFilter(
        choices=[(name, name) for name in KINDS],
        help_text="What has happened, as `listWebhookKinds` names it.",
    )
    object_type = django_filters.CharFilter()
    object_id = django_filters.CharFilter()

    class Meta:
        model = WebhookDelivery
        fields: tuple[str, ...] = ()
