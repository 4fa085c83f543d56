"""The byte store that the settings name, and how a full disk is reported."""

import errno
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings

from mlops.core.blobs import ByteStore, FolderStore

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def byte_store() -> ByteStore:
    """Return the store: the data folder."""
    return _folder(settings.DATA_DIR, settings.ARTIFACT_SYNC)


def disk_full_message(error: OSError) -> str:
    """Return the message of a full disk or quota; "" for other errors."""
    if error.errno in _FULL:
        return "The disk of the data folder is full."
    if error.errno == errno.EROFS:
        return "The data folder is write-protected."
    return ""


@lru_cache(maxsize=8)
def _folder(root: Path, syncs: bool) -> ByteStore:  # noqa: FBT001 - part of the key
    return FolderStore(Path(root), syncs=syncs)
