"""The files that artifacts name, for backups and for who looks after the store."""

from collections.abc import Iterator

from lifecycle.models import Artifact
from lifecycle.paths import stored_key
from mlops.backup.registration import NamedFile


def named(alias: str) -> Iterator[NamedFile]:
    """Yield the stored file of every artifact of a database, by its key."""
    rows = Artifact.objects.using(alias).filter(is_stored=True).order_by("pk")
    columns = rows.values_list("pk", "sha256", "size_bytes")
    for pk, sha256, size_bytes in columns.iterator(chunk_size=2000):
        yield NamedFile(stored_key(pk), sha256, size_bytes)
