"""The files that versions name, for backups and for who looks after the store."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from datasets import storage
from datasets.models import DatasetVersion, SourceFile
from datasets.states import VersionState
from mlops.backup.placing import is_held
from mlops.backup.registration import NamedFile, ReturningFile
from mlops.core.blobs import WrongDigest
from mlops.core.byte_store import byte_store, delete_at_once


def contents(alias: str) -> Iterator[NamedFile]:
    """Yield the files of every content that a version holds, by their keys.

    Beside the rows lie a sample and a head, which were made with them.
    """
    held = DatasetVersion.objects.using(alias).holding_bytes().order_by("digest")
    sizes = held.values_list("digest", "size_bytes").distinct()
    last = ""
    for digest, size_bytes in sizes.iterator(chunk_size=2000):
        if digest in {"", last}:
            continue
        last = digest
        data = storage.data_key(digest)
        yield from _beside(digest, before=data)
        yield NamedFile(data, digest, size_bytes)
        yield from _beside(digest, after=data)


def uploads(alias: str) -> Iterator[NamedFile]:
    """Yield the uploaded files of versions, by their keys.

    Of a version that is read its files may have been let go (`MLOPS_KEEP_UPLOADS`).
    """
    files = SourceFile.objects.using(alias).order_by("pk")
    columns = files.values_list("pk", "sha256", "size_bytes", "version__state")
    for pk, sha256, size_bytes, state in columns.iterator(chunk_size=2000):
        is_required = state == VersionState.PROCESSING
        yield NamedFile(storage.incoming_key(pk), sha256, size_bytes, is_required)


def place(files: list[ReturningFile]) -> None:
    """Put a content back as a whole. Raises WrongDigest; then it is not there."""
    if all(map(is_held, files)):
        return
    digest = files[0].key.split("/")[-2]
    folder = storage.root() / "work" / f"restored.{digest}"
    storage.remove(folder)
    folder.mkdir(mode=0o700, parents=True)
    for one in files:
        _write(folder / one.key.rpartition("/")[2], one)
        delete_at_once(one.key)
    with storage.held(digest):
        storage.keep(folder, digest)


def _write(path: Path, one: ReturningFile) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for chunk in one.chunks():
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != one.sha256:
        raise WrongDigest(f"{one.key} is not what was backed up.")


def _beside(digest: str, *, before: str = "", after: str = "") -> Iterator[NamedFile]:
    for blob in byte_store().listing(storage.content_prefix(digest)):
        if (before and blob.key < before) or (after and blob.key > after):
            yield NamedFile(blob.key, "", blob.size_bytes)
