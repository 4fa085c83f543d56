"""Secrets that rows keep: encrypted under a key of their own, which no backup has.

The key is `MLOPS_HOOK_KEY`, or a file that is made in the data folder when the first
secret is. Several may be given, the newest first: it closes, each of them opens.
"""

import base64
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from django.conf import settings

KEY_FILE: Final = "hook_key"
_NONCE_BYTES: Final = 12


class KeyMissing(Exception):
    """A secret was closed with a key that is not here."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"Its secret was encrypted with the key {key_id}, which is not here: add "
            f"it to the file {KEY_FILE} in the data folder, or to MLOPS_HOOK_KEY."
        )


def close(secret: str) -> str:
    """Return the secret as it may be stored: `<id of the key>.<Base64>`."""
    # Some megabytes, for those processes alone that have to do with hooks.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    key = _keys(make=True)[0]
    nonce = os.urandom(_NONCE_BYTES)
    closed = nonce + AESGCM(key).encrypt(nonce, secret.encode(), None)
    return f"{key_id(key)}.{base64.urlsafe_b64encode(closed).decode()}"


def open_closed(stored: str) -> str:
    """Return the secret. Raises KeyMissing."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    wanted, _, text = stored.partition(".")
    for key in _keys():
        if key_id(key) == wanted:
            closed = base64.urlsafe_b64decode(text)
            nonce, rest = closed[:_NONCE_BYTES], closed[_NONCE_BYTES:]
            return AESGCM(key).decrypt(nonce, rest, None).decode()
    raise KeyMissing(wanted)


def key_id(key: bytes) -> str:
    """Return what names a key without giving it away."""
    return hashlib.sha256(b"mlops hook key:" + key).hexdigest()[:8]


def _keys(*, make: bool = False) -> list[bytes]:
    if settings.HOOK_KEYS:
        return list(settings.HOOK_KEYS)
    path = Path(settings.DATA_DIR) / KEY_FILE
    if make and not path.exists():
        _make(path)
    try:
        return [bytes.fromhex(line) for line in path.read_text().split()]
    except FileNotFoundError:
        return []


def _make(path: Path) -> None:
    draft = path.with_name(f"{KEY_FILE}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32) + "\n")
        file.flush()
        os.fsync(descriptor)
    with suppress(FileExistsError):  # another process was first: its key holds
        os.link(draft, path)
    draft.unlink()
