"""The bytes of artifacts: one file per row, named by the row's id.

Nothing here opens, lists or deletes by a client's path; a path is only a column.
"""

import logging
import os
import re
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import connection, transaction

from lifecycle.errors import ArtifactInUse
from lifecycle.models import Artifact, LoggedModel, Run, servable
from lifecycle.paths import artifact_root, kind_of, normal_path, stored_path
from lifecycle.store import artifacts as store
from lifecycle.store.artifacts import ArtifactOwner, NewFile
from mlops.core.errors import DomainError, NotFound
from mlops.core.files import Received, receive
from mlops.core.models import User

__all__ = [
    "delete",
    "file_path",
    "keep",
    "normal_path",
    "open_file",
    "save",
    "sweep",
]

logger = logging.getLogger(__name__)

# A file that is whole, or one that was being written when everything stopped.
_OURS = re.compile(r"[0-9a-f]{32}(\.[0-9a-f]{32}\.part)?$")

Home = Run | LoggedModel


def save(
    home: Home, path: str, chunks: Iterable[bytes], *, by: User | None
) -> Artifact:
    """Receive a file of a run or logged model, and keep it; see `keep`.

    Raises TooLarge as well.
    """
    normal_path(path)
    target = stored_path(uuid.uuid4())
    received = receive(chunks, target, max_bytes=settings.MAX_UPLOAD_BYTES)
    return keep(home, path, received, by=by)


def keep(home: Home, path: str, received: Received, *, by: User | None) -> Artifact:
    """Let a received file be the one under a path relative to its home.

    It lies at a `stored_path`, on disk before its row appears; a file that was under
    this path is replaced whole. Raises UnsafePath or ArtifactInUse (a model version
    or deployment stands on the old file or on its folder); then the file is gone and
    nothing else has changed.
    """
    try:
        place = normal_path(path)
        with transaction.atomic():
            _remove_row(_lock(home), place, by=by)
            artifact = _store_row(home, place, received, by=by)
    except DomainError:
        # Nothing else says surely that the row is not there: a connection may be lost
        # after its commit. What is left then is the sweep's.
        received.path.unlink(missing_ok=True)
        raise
    return artifact


def open_file(artifact: Artifact) -> BinaryIO:
    """Return the stored file, open for reading; FileNotFoundError if it is gone."""
    descriptor = os.open(file_path(artifact), os.O_RDONLY | os.O_NOFOLLOW)
    return os.fdopen(descriptor, "rb")


def file_path(artifact: Artifact) -> Path:
    """Return where the bytes of a stored artifact lie."""
    return stored_path(artifact.pk)


def delete(artifact: Artifact, *, by: User | None = None) -> None:
    """Remove an artifact, its file after the commit. Raises ArtifactInUse."""
    with transaction.atomic():
        _remove_row(_lock(_home(artifact)), artifact.path, by=by)


def sweep(older_than_s: float = 86_400.0) -> int:
    """Remove files that no row names, left by a crash; return how many.

    Young ones stay: their row may be about to be written.
    """
    latest = time.time() - older_than_s
    removed = 0
    for folder in sorted(artifact_root().glob("[0-9a-f][0-9a-f]")):
        old = {file.name: file for file in folder.iterdir() if _is_old(file, latest)}
        named = {name[:32] for name in old}
        known = {
            pk.hex
            for pk in Artifact.objects.filter(
                pk__in=[uuid.UUID(name) for name in named]
            ).values_list("pk", flat=True)
        }
        for name, file in old.items():
            if name not in known:
                file.unlink(missing_ok=True)
                removed += 1
    if removed:
        logger.info("Removed %d files that no artifact names", removed)
    return removed


def _is_old(file: Path, latest: float) -> bool:
    try:
        return _OURS.match(file.name) is not None and file.stat().st_mtime < latest
    except FileNotFoundError:  # it was renamed or removed just now
        return False


def _home(artifact: Artifact) -> Home:
    home = artifact.run or artifact.logged_model
    if home is None:
        raise ValueError("the database lets no artifact be without a home")
    return home


def _lock(home: Home) -> Home:
    """Make writers of one home wait for each other."""
    if not type(home).objects.select_for_update().filter(pk=home.pk).exists():
        raise NotFound(f"{home} was deleted.", field="run_id")
    return home


def _store_row(
    home: Home, path: str, received: Received, *, by: User | None
) -> Artifact:
    file = NewFile(
        pk=uuid.UUID(received.path.name),
        path=path,
        artifact_type=kind_of(path),
        size_bytes=received.size_bytes,
        sha256=received.sha256,
    )
    with connection.cursor() as cursor:
        store.add(cursor, _owner(home), file, by=by.pk if by else None)
    return Artifact.objects.select_related("created_by", "run").get(pk=file.pk)


def _owner(home: Home) -> ArtifactOwner:
    if isinstance(home, Run):
        return ArtifactOwner(run=home.pk, logged_model=None, name=str(home))
    return ArtifactOwner(run=None, logged_model=home.pk, name=str(home))


def _remove_row(home: Home, path: str, *, by: User | None) -> None:
    old = home.artifacts.filter(path=path).first()
    if servable.folders_in_use(home.artifacts.all(), path).exclude(path=path).exists():
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
    if above := servable.keeping_weights_in(home.artifacts.all(), path):
        raise ArtifactInUse(
            f"A model version or deployment stands on {above[0].path!r}, which keeps "
            "weights in this file; use another path.",
            field="path",
        )
    stale = file_path(old) if old.is_stored else None
    with connection.cursor() as cursor:
        store.remove(cursor, old, _owner(home), by=by.pk if by else None)
    if stale is not None:
        transaction.on_commit(lambda: stale.unlink(missing_ok=True))
