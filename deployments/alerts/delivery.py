"""Posts pending messages, one attempt each; a receiver that is down is retried."""

import http.client
import json
import logging
import socket
import ssl
import threading
from contextlib import suppress
from datetime import datetime

from django.utils import timezone

from deployments.alerts.address import RefusedAddress, WebhookAddress, checked
from deployments.models import AlertDelivery, AlertHook

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
DEADLINE_S = 10.0
"""After which a receiver that answers byte by byte is cut off."""
BATCH = 20
MOST_READ = 4096
SUCCESS = range(200, 300)


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
    status: int | None = None
    try:
        status = _post(delivery.hook, delivery)
    except RefusedAddress as refused:
        error = str(refused)
    except ssl.SSLCertVerificationError as untrusted:
        error = f"Its certificate is not trusted: {untrusted.verify_message}."
    except (OSError, http.client.HTTPException) as exc:
        error = f"It could not be reached: {type(exc).__name__}."
    except Exception as broken:  # its own failure: the others are sent all the same
        logger.exception("Alert %s could not be sent", delivery.pk)
        error = f"It could not be sent: {type(broken).__name__}."
    else:
        error = "" if status in SUCCESS else f"It answered {status}."
    if error:
        logger.info("Alert %s did not arrive: %s", delivery.pk, error)
        delivery.fail(error, timezone.now(), status_code=status)
    else:
        delivery.succeed(status or 0, timezone.now())
    return True


def _post(hook: AlertHook, delivery: AlertDelivery) -> int:
    """Send the message and return the status; redirects are not followed."""
    address = checked(hook.url)
    body = json.dumps(delivery.message).encode()
    headers = {
        "Host": address.host_header,
        "Content-Type": "application/json",
        "User-Agent": "mlops-alerts",
        "X-MLOps-Delivery": str(delivery.pk),
        "X-MLOps-Signature": hook.signature(body, timezone.now()),
    }
    connection = _Pinned(address)
    watchdog = threading.Timer(DEADLINE_S, connection.cut)
    watchdog.start()
    try:
        connection.request("POST", address.target, body, headers)
        answer = connection.getresponse()
        answer.read(MOST_READ)
        return answer.status
    finally:
        watchdog.cancel()
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """Connects to the validated IP address; TLS still verifies the host name."""

    def __init__(self, address: WebhookAddress) -> None:
        super().__init__(address.host, address.port, timeout=TIMEOUT_S)
        self._address = address

    def connect(self) -> None:
        address = self._address
        self.sock = socket.create_connection((address.address, address.port), TIMEOUT_S)
        if address.is_secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=address.host)

    def cut(self) -> None:
        """End whatever is going on, from another thread."""
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
