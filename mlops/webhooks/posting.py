"""One attempt to post a message: to the checked address alone, and not for long.

Knows no rows: alert hooks and webhooks both send by it.
"""

import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from mlops.core.sealing import KeyMissing
from mlops.webhooks.address import RefusedAddress, WebhookAddress, checked

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
DEADLINE_S = 10.0
"""After which a receiver that answers byte by byte is cut off."""
MOST_READ = 4096
SUCCESS = range(200, 300)
BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_MOST_DIGITS = 12


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A body, and the headers that go with it."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PostOutcome:
    """What became of an attempt: `error` is "" if and only if it has arrived.

    `status` is None where nobody answered. `retry_after_s` is how long a 429 or 503
    asks to be left alone (RFC 9110, 10.2.3), 0 where it does not say.
    """

    status: int | None = None
    error: str = ""
    retry_after_s: float = 0.0


def attempt(url: str, sign: Callable[[], SignedMessage]) -> PostOutcome:
    """Post what `sign` returns; whatever goes wrong is in the outcome."""
    try:
        status, retry_after = _post(checked(url), sign())
    except (RefusedAddress, KeyMissing) as refused:
        return PostOutcome(error=str(refused))
    except ssl.SSLCertVerificationError as untrusted:
        error = f"Its certificate is not trusted: {untrusted.verify_message}."
        return PostOutcome(error=error)
    except (OSError, http.client.HTTPException) as exc:
        return PostOutcome(error=f"It could not be reached: {type(exc).__name__}.")
    except Exception as broken:  # its own failure: the others are sent all the same
        logger.exception("A message could not be sent")
        return PostOutcome(error=f"It could not be sent: {type(broken).__name__}.")
    error = "" if status in SUCCESS else f"It answered {status}."
    wait_s = seconds_of(retry_after) if status in BUSY else 0.0
    return PostOutcome(status, error, wait_s)


def seconds_of(retry_after: str) -> float:
    """Return the seconds from now of a `Retry-After`, 0 of one that says nothing."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:_MOST_DIGITS])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if at.tzinfo is None:  # "-0000": a time of UTC, by RFC 5322
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def _post(address: WebhookAddress, message: SignedMessage) -> tuple[int, str]:
    """Send it; return status and `Retry-After`. Redirects are not followed."""
    headers = {"Host": address.host_header, **message.headers}
    connection = _Pinned(address)
    watchdog = threading.Timer(DEADLINE_S, connection.cut)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("POST", address.target, message.body, headers)
        answer = connection.getresponse()
        answer.read(MOST_READ)
        return answer.status, answer.headers.get("Retry-After", "")
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
