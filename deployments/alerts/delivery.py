"""Posts pending messages, one attempt each; a receiver that is down is retried."""

import json
import logging
from datetime import datetime

from django.utils import timezone

from deployments.models import AlertDelivery, AlertHook
from mlops.webhooks.posting import SignedMessage, attempt

logger = logging.getLogger(__name__)

BATCH = 20


def deliver_due(now: datetime | None = None) -> int:
    """Queue new events, send what is due; return how many attempts were made.

    Safe in any number of processes: each message is claimed by one of them. Nothing is
    sent inside a transaction.
    """
    now = now or timezone.now()
    for hook in AlertHook.objects.filter(is_enabled=True):
        AlertDelivery.objects.queue(hook, hook.unsent_events(now)[:BATCH], now)
        AlertDelivery.objects.queue(hook, hook.unsent_dataset_events(now)[:BATCH], now)
    waiting = AlertDelivery.objects.due(now).select_related(
        "hook", "event__version__model", "dataset_event__feature"
    )
    return sum(_try(delivery, now) for delivery in waiting[:BATCH])


def _try(delivery: AlertDelivery, now: datetime) -> bool:
    if not delivery.claim(now):
        return False
    outcome = attempt(delivery.hook.url, lambda: _signed(delivery))
    if outcome.error:
        logger.info("Alert %s did not arrive: %s", delivery.pk, outcome.error)
        delivery.fail(outcome.error, timezone.now(), status_code=outcome.status)
    else:
        delivery.succeed(outcome.status or 0, timezone.now())
    return True


def _signed(delivery: AlertDelivery) -> SignedMessage:
    body = json.dumps(delivery.message).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "mlops-alerts",
        "X-MLOps-Delivery": str(delivery.pk),
        "X-MLOps-Signature": delivery.hook.signature(body, timezone.now()),
    }
    return SignedMessage(body, headers)
