"""How chunks are named and closed: in the open by their digest, or with a key file.

With a key a chunk's name is a keyed digest, so that who sees the folder cannot even
tell which files are in it, and its bytes are AES-256-GCM under a nonce of their own,
bound to the name: no chunk can be put in the place of another.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


class BadKeyFile(Exception):
    """The key file is missing, holds no key, or is not the one of these backups."""


class Damaged(Exception):
    """Bytes of a backup are not what was written."""


class Seal(Protocol):
    """Names contents, and closes and opens what is written of them."""

    def name_of(self, digest: bytes) -> str:
        """Return the name of the content that has this SHA-256."""
        ...

    def close(self, name: str, data: bytes) -> bytes: ...

    def open(self, name: str, data: bytes) -> bytes:
        """Return what was closed. Raises Damaged."""
        ...

    @property
    def check(self) -> str:
        """A word that tells one key from another without giving it away; "" of none."""
        ...


class NoSeal:
    """Names are SHA-256, bytes are as they are."""

    check = ""

    def name_of(self, digest: bytes) -> str:
        return digest.hex()

    def close(self, name: str, data: bytes) -> bytes:
        return data

    def open(self, name: str, data: bytes) -> bytes:
        return data


class KeySeal:
    """Names and bytes under keys that follow from the one in the key file."""

    def __init__(self, key: bytes) -> None:
        self._names = _derived(key, b"mlops backup: names")
        self._cipher = AESGCM(_derived(key, b"mlops backup: bytes"))

    @property
    def check(self) -> str:
        return self.name_of(b"check")

    def name_of(self, digest: bytes) -> str:
        return hmac.digest(self._names, digest, hashlib.sha256).hex()

    def close(self, name: str, data: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, name.encode())

    def open(self, name: str, data: bytes) -> bytes:
        nonce, closed = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, closed, name.encode())
        except (InvalidTag, ValueError):
            raise Damaged(f"{name} cannot be opened: it was changed.") from None


def make_key(path: Path) -> None:
    """Write a new key, readable by its owner only. Raises FileExistsError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(descriptor)


def seal_of(key_file: Path | None) -> Seal:
    """Return the seal of a key file, or none. Raises BadKeyFile."""
    if key_file is None:
        return NoSeal()
    try:
        key = bytes.fromhex(key_file.read_text().strip())
    except OSError as error:
        raise BadKeyFile(f"{key_file} cannot be read: {error.strerror}.") from None
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadKeyFile(f"{key_file} does not hold a key: 64 hexadecimal digits.")
    return KeySeal(key)


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose).derive(key)
