"""The byte store that the settings name, and how a full disk is reported.

While a pin holds (`FilePin`), what rows may have named stays: files to delete are put
on a list for afterwards, and whole contents are left to the sweep, which asks the rows.
A pin is there before the snapshot that it is for; a row goes before its file. So who
deletes a file of the snapshot sees the pin.
"""

import errno
import hashlib
import logging
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import DatabaseError

from mlops.core.blobs import CHUNK_BYTES, ByteStore, FolderStore
from mlops.core.models.pins import DelayedDeletion, FilePin

logger = logging.getLogger(__name__)

PINNED: Final = ("artifacts/", "datasets/")
"""What backups copy. Everything else can be made again, or is kept for a while only."""
_AT_ONCE: Final = 500
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def byte_store() -> ByteStore:
    """Return the store: the data folder."""
    return _folder(settings.DATA_DIR, settings.ARTIFACT_SYNC)


def digest_of(key: str) -> str:
    """Return the SHA-256 of a file of the store, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with byte_store().open(key) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def disk_full_message(error: OSError) -> str:
    """Return the message of a full disk or quota; "" for other errors."""
    if error.errno in _FULL:
        return "The disk of the data folder is full."
    if error.errno == errno.EROFS:
        return "The data folder is write-protected."
    return ""


class PinnedFolder(FolderStore):
    """The folder, in which nothing is deleted that a backup may still need."""

    def delete(self, key: str) -> None:
        if not key.startswith(PINNED):
            super().delete(key)
            return
        try:
            if not FilePin.is_held():
                super().delete(key)
                return
            DelayedDeletion.ask(key)
        except DatabaseError:
            # Its row is gone already: the sweep finds the file.
            logger.warning("The file %s is left to the sweep", key, exc_info=True)

    def delete_now(self, key: str) -> None:
        """Delete a file that no snapshot of now can name: its row went long before."""
        super().delete(key)

    def delete_below(self, prefix: str) -> None:
        if prefix.startswith(PINNED) and FilePin.is_held():
            DelayedDeletion.ask(prefix)
            return
        super().delete_below(prefix)


def delete_at_once(key: str) -> None:
    """Delete what is in the way of a restore, where no backup runs."""
    _folder(settings.DATA_DIR, settings.ARTIFACT_SYNC).delete_now(key)


def delete_delayed() -> int:
    """Delete what was to go while a pin held; return how many files."""
    store, count = _folder(settings.DATA_DIR, settings.ARTIFACT_SYNC), 0
    while not FilePin.is_held():
        keys = list(DelayedDeletion.due().values_list("pk", flat=True)[:_AT_ONCE])
        if not keys:
            break
        for key in keys:
            if not key.endswith("/"):
                store.delete_now(key)
        DelayedDeletion.done(keys)
        count += len(keys)
    return count


@lru_cache(maxsize=8)
def _folder(root: Path, syncs: bool) -> PinnedFolder:  # noqa: FBT001 - part of the key
    return PinnedFolder(Path(root), syncs=syncs)
