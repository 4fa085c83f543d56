"""Secrets of webhooks, and signatures made with them.

The form is that of Standard Webhooks (https://www.standardwebhooks.com): the secret is
`whsec_` and Base64, the signature `v1,` and the Base64 of the HMAC-SHA256 of
`<id>.<seconds>.<body>`.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

MARK: Final = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64
FORM: Final = (
    f"`{MARK}` and the Base64 of {_LEAST_BYTES} to {_MOST_BYTES} random bytes."
)


def new_secret() -> str:
    """Return a new secret as its receiver gets it."""
    return MARK + base64.b64encode(secrets.token_bytes(32)).decode()


def is_well_formed(secret: str) -> bool:
    """Whether a text is a secret of Standard Webhooks."""
    try:
        key = key_of(secret)
    except (ValueError, binascii.Error):
        return False
    return secret.startswith(MARK) and _LEAST_BYTES <= len(key) <= _MOST_BYTES


def key_of(secret: str) -> bytes:
    """Return the key that a well-formed secret holds. Raises ValueError."""
    return base64.b64decode(secret.removeprefix(MARK), validate=True)


def signature(key: bytes, message_id: str, seconds: int, body: bytes) -> str:
    """Return `v1,<Base64>` of a message that is sent at that time."""
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"
