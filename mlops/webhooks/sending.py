"""Sends what waits: one sender a webhook, in the order of each object's events.

Nothing is sent inside a transaction. A worker that is killed after a receiver has
answered, and before that is stored, has the message sent again, under the same id.
"""

import logging
import threading
import time
import uuid
from collections.abc import Sequence
from http import HTTPStatus

from django.utils import timezone

from mlops.core.models import Installation
from mlops.webhooks.models import Webhook, WebhookDelivery
from mlops.webhooks.posting import PostOutcome, SignedMessage, attempt

logger = logging.getLogger(__name__)

TURN_S = 30.0
"""How long one sender stays with a webhook, a message's deadline not counted."""
MOST_PAGES = 10


def queue_all() -> None:
    """Queue messages for every webhook that has not seen the newest entries."""
    for webhook in Webhook.objects.behind():
        try:
            for _ in range(MOST_PAGES):
                if not WebhookDelivery.queue_next(webhook):
                    break
        except Exception:  # its own failure: the others are told all the same
            logger.exception("Nothing could be queued for webhook %s", webhook.pk)


def send_turn(webhook: Webhook, stopping: threading.Event) -> int:
    """Send what is due, if nobody else does; return how many tries were made.

    A receiver that is not there ends the turn, and is left alone for a while.
    """
    holder, made = uuid.uuid4().hex, 0
    if not webhook.claim(holder, timezone.now()):
        return 0
    until = time.monotonic() + TURN_S
    try:
        while time.monotonic() < until and not stopping.is_set():
            delivery = WebhookDelivery.objects.next_for(webhook, timezone.now())
            if delivery is None:
                break
            made += 1
            if not _try(webhook, delivery):
                break
    finally:
        webhook.release(holder)
    return made


def _try(webhook: Webhook, delivery: WebhookDelivery) -> bool:
    """Make one try; return whether the receiver is there."""
    delivery.begin(timezone.now())
    began = time.monotonic()
    outcome = post(webhook, delivery.message_id, delivery.body.encode())
    now = timezone.now()
    delivery.end(outcome, now, time.monotonic() - began)
    if outcome.error:
        logger.info("Message %s did not arrive: %s", delivery.pk, outcome.error)
    if outcome.status == HTTPStatus.GONE:
        webhook.switch_off(f"Its receiver answered 410 (Gone) to {delivery.kind}.")
        return False
    if is_missing(outcome):
        webhook.rest(now, at_least_s=outcome.retry_after_s)
        return False
    webhook.recover()
    return True


def send_test(webhook: Webhook, events: Sequence[str] = ()) -> PostOutcome:
    """Send a message that says nothing happened; it is not in the log.

    `events` are those to try, where the webhook has events; else its own.
    """
    chosen = events or webhook.events
    message = webhook.wire.test(webhook.name, Installation.current(), chosen)
    return post(webhook, message.id, message.body)


def is_missing(outcome: PostOutcome) -> bool:
    """Whether it is the receiver that is not there, and not this message's matter."""
    status = outcome.status
    if status is None:
        return True
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500  # noqa: PLR2004


def post(webhook: Webhook, message_id: str, body: bytes) -> PostOutcome:
    """Sign a message, and post it once."""
    return attempt(webhook.url, lambda: signed(webhook, message_id, body))


def signed(webhook: Webhook, message_id: str, body: bytes) -> SignedMessage:
    """Return the message with its headers, signed now. Raises KeyMissing."""
    now = timezone.now()
    secrets, seconds = webhook.secrets(now), int(now.timestamp())
    headers = webhook.wire.headers(message_id, seconds, body, secrets)
    return SignedMessage(body, {"User-Agent": "mlops-webhooks", **headers})
