"""The bytes of artifacts: one blob per row, its key made of the row's id.

Nothing here opens, lists or deletes by a client's path; a path is only a column.
"""

import logging
import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import fields
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from lifecycle.errors import ArtifactInUse
from lifecycle.models import Artifact, LoggedModel, Run, servable
from lifecycle.paths import ARTIFACTS, kind_of, normal_path, stored_key
from lifecycle.store import artifacts as store
from lifecycle.store.artifacts import ArtifactOwner, NewFile
from mlops.core.blobs import Blob, Received
from mlops.core.byte_store import byte_store
from mlops.core.errors import DomainError, NotFound
from mlops.core.models import User

__all__ = [
    "delete",
    "file_path",
    "keep",
    "normal_path",
    "save",
    "sweep",
]

logger = logging.getLogger(__name__)

# A complete file, or one that was being written when the server crashed.
_OURS = re.compile(r"[0-9a-f]{32}(\.[0-9a-f]{32}\.part)?$")

Owner = Run | LoggedModel
AT_ONCE = 500


def save(
    owner: Owner, path: str, chunks: Iterable[bytes], *, by: User | None
) -> Artifact:
    """Receive a file of a run or logged model and store it; see `keep`.

    Raises TooLarge as well.
    """
    normal_path(path)
    key, most = stored_key(uuid.uuid4()), settings.MAX_UPLOAD_BYTES
    received = byte_store().put(key, chunks, max_bytes=most)
    return keep(owner, path, received, by=by)


def keep(owner: Owner, path: str, received: Received, *, by: User | None) -> Artifact:
    """Store a received file under a path relative to its owner.

    Its bytes lie under a `stored_key`, on disk before the row appears; a file that was
    under this path is replaced whole. Raises UnsafePath, Invalid (the path is a folder,
    or a folder of it a file) or ArtifactInUse (a model version or deployment uses the
    old file or its folder); then the file is gone and nothing else has changed.
    """
    try:
        path = normal_path(path)
        with transaction.atomic():
            _remove_row(_lock(owner), path, by=by)
            artifact = _store_row(owner, path, received, by=by)
    except DomainError:
        # Only these errors prove that the row is not there: a connection may be lost
        # after its commit. What is left then is for the sweep.
        byte_store().delete(received.key)
        raise
    return artifact


def file_path(artifact: Artifact) -> Path:
    """Return a path of this machine to read a stored artifact by, at once."""
    return byte_store().local(stored_key(artifact.pk))


def delete(artifact: Artifact, *, by: User | None = None) -> None:
    """Remove an artifact, its file after the commit. Raises ArtifactInUse."""
    with transaction.atomic():
        _remove_row(_lock(_owner_of(artifact)), artifact.path, by=by)


def sweep(older_than_s: float = 86_400.0) -> int:
    """Remove files that no row names, left by a crash; return how many.

    Young ones stay: their row may be about to be written.
    """
    latest, removed = time.time() - older_than_s, 0
    old = (blob for blob in byte_store().listing(ARTIFACTS) if blob.modified_s < latest)
    while page := list(islice(old, AT_ONCE)):
        ours = {_name(blob): blob.key for blob in page if _OURS.match(_name(blob))}
        ids = {uuid.UUID(name[:32]) for name in ours}
        rows = Artifact.objects.filter(pk__in=ids).values_list("pk", flat=True)
        known = {pk.hex for pk in rows}
        for name, key in ours.items():
            if name not in known:
                byte_store().delete(key)
                removed += 1
    removed += byte_store().sweep(older_than_s)
    if removed:
        logger.info("Removed %d files that no artifact names", removed)
    return removed


def _name(blob: Blob) -> str:
    return blob.key.rpartition("/")[2]


def _owner_of(artifact: Artifact) -> Owner:
    owner = artifact.run or artifact.logged_model
    if owner is None:
        raise ValueError("the database lets no artifact be without a home")
    return owner


def _lock(owner: Owner) -> Owner:
    """Lock the owner's row: writers of one owner wait for each other."""
    if not type(owner).objects.select_for_update().filter(pk=owner.pk).exists():
        raise NotFound(f"{owner} was deleted.", field="run_id")
    return owner


def _store_row(
    owner: Owner, path: str, received: Received, *, by: User | None
) -> Artifact:
    file = NewFile(
        pk=uuid.UUID(received.key.rpartition("/")[2]),
        path=path,
        artifact_type=kind_of(path),
        size_bytes=received.size_bytes,
        sha256=received.sha256,
    )
    with connection.cursor() as cursor:
        store.add(cursor, _owner_row(owner), file, by=by.pk if by else None)
    return _as_stored(owner, file, by=by)


def _as_stored(owner: Owner, file: NewFile, *, by: User | None) -> Artifact:
    """Return the row that was just written without asking for it again."""
    artifact = Artifact(
        run=owner if isinstance(owner, Run) else None,
        logged_model=owner if isinstance(owner, LoggedModel) else None,
        is_stored=True,
        created_by=by,
        **{each.name: getattr(file, each.name) for each in fields(file)},
    )
    artifact._state.adding = False  # noqa: SLF001 - as Django marks what it has read
    artifact._state.db = connection.alias  # noqa: SLF001
    return artifact


def _owner_row(owner: Owner) -> ArtifactOwner:
    if isinstance(owner, Run):
        return ArtifactOwner(run=owner.pk, logged_model=None, name=str(owner))
    return ArtifactOwner(run=None, logged_model=owner.pk, name=str(owner))


def _remove_row(owner: Owner, path: str, *, by: User | None) -> None:
    # One query for the file and for the folders that it could belong to.
    paths = [path, *servable.manifests_above(path)]
    found = owner.artifacts.filter(path__in=paths).order_by()
    here = {artifact.path: artifact for artifact in found}
    old = here.pop(path, None)
    if any(one.is_stored and one.is_in_use() for one in here.values()):
        raise ArtifactInUse(
            "A model version or deployment stands on this folder; use another path.",
            field="path",
        )
    if old is None:
        return
    if old.is_in_use():
        raise ArtifactInUse(
            "A model version or deployment stands on this file; use another path.",
            field="path",
        )
    if above := servable.keeping_weights_in(owner.artifacts.all(), path):
        raise ArtifactInUse(
            f"A model version or deployment stands on {above[0].path!r}, which keeps "
            "weights in this file; use another path.",
            field="path",
        )
    stale = stored_key(old.pk) if old.is_stored else ""
    with connection.cursor() as cursor:
        store.remove(cursor, old, _owner_row(owner), by=by.pk if by else None)
    if stale:
        transaction.on_commit(lambda: byte_store().delete(stale))
