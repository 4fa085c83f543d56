"""Puts files of a backup back into the byte store."""

from mlops.backup.registration import ReturningFile
from mlops.core.byte_store import byte_store, delete_at_once, digest_of


def put_each(files: list[ReturningFile]) -> None:
    """Put the files under their keys; what is there already and the same stays.

    Raises WrongDigest or Damaged; then the file is not there.
    """
    for one in files:
        if not is_held(one):
            delete_at_once(one.key)
            byte_store().put(
                one.key, one.chunks(), max_bytes=one.size_bytes, sha256=one.sha256
            )


def is_held(one: ReturningFile) -> bool:
    """Whether the store has this very file."""
    try:
        if byte_store().stat(one.key).size_bytes != one.size_bytes:
            return False
    except FileNotFoundError:
        return False
    return digest_of(one.key) == one.sha256
