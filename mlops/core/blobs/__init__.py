"""The byte store: where every byte lies that a row names, under keys of the server's.

What is asked of a store is `ByteStore`; `FolderStore` is the maker for one machine. A
blob is whole or it is not there, never changes, and counts once a row names its key.
Knows no Django: the processes that serve models read through it as well.
"""

from mlops.core.blobs.base import (
    CHUNK_BYTES,
    BadKey,
    Blob,
    ByteStore,
    Received,
    Writing,
    WrongDigest,
    checked_key,
)
from mlops.core.blobs.folder import FolderStore

__all__ = [
    "CHUNK_BYTES",
    "BadKey",
    "Blob",
    "ByteStore",
    "FolderStore",
    "Received",
    "Writing",
    "WrongDigest",
    "checked_key",
]
