"""Webhooks, and the messages that they are sent."""

from mlops.webhooks.models.delivery import WebhookDelivery
from mlops.webhooks.models.webhook import Webhook

__all__ = ["Webhook", "WebhookDelivery"]
