"""Page tokens: where the next page starts, signed, so that only ours come back."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from django.conf import settings

from lifecycle.mlflow.errors import InvalidValue

_MAC_BYTES = 16


def seal(kind: str, place: list[Any]) -> str:
    """Return the token of a place in the listing `kind`.

    Floats and moments come back as they were.
    """
    body = orjson.dumps([_sent(value) for value in place])
    return base64.urlsafe_b64encode(_mac(kind, body) + body).decode()


def unseal(kind: str, token: str) -> list[Any]:
    """Return the place in a token of ours. Raises InvalidValue for any other."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii"))
    except (UnicodeEncodeError, ValueError, binascii.Error):
        raise InvalidValue("Invalid page token, could not base64-decode") from None
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(kind, body)):
        raise InvalidValue("Invalid page token: it was not issued for this search.")
    return [_read(value) for value in orjson.loads(body)]


def _sent(value: Any) -> Any:
    if isinstance(value, float) and value in {float("inf"), float("-inf")}:
        return {"float": str(value)}
    return {"at": value.isoformat()} if isinstance(value, datetime) else value


def _read(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "at" in value:
        return datetime.fromisoformat(value["at"])
    return float(value["float"])


def _mac(kind: str, body: bytes) -> bytes:
    keyed = hmac.new(_key(settings.SECRET_KEY), kind.encode() + b"\0" + body, "sha256")
    return keyed.digest()[:_MAC_BYTES]


@cache
def _key(secret: str) -> bytes:
    return hashlib.sha256(b"mlflow page tokens" + secret.encode()).digest()
