"""The bytes of artifacts: one file per row, named by the row's id.

Nothing here opens, lists or deletes by a client's path; a path is only a column.
"""

import logging
import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction

from lifecycle.errors import ArtifactInUse
from lifecycle.models import Artifact, LoggedModel, Run
from lifecycle.paths import kind_of, normal_path
from mlops.core import audit
from mlops.core.errors import NotFound
from mlops.core.files import Received, receive
from mlops.core.models import User

__all__ = ["delete", "file_path", "normal_path", "open_file", "save"]

logger = logging.getLogger(__name__)

Home = Run | LoggedModel


def save(
    home: Home, path: str, chunks: Iterable[bytes], *, by: User | None
) -> Artifact:
    """Keep a file of a run or logged model under a path relative to it.

    The bytes are on disk and synced before the row appears; a file that was under
    this path is replaced whole. Raises UnsafePath, TooLarge or ArtifactInUse (a
    model version or deployment stands on the old file); then nothing has changed.
    """
    place = normal_path(path)
    file_id = uuid.uuid4()
    target = _path_of(file_id)
    received = receive(chunks, target, max_bytes=settings.MAX_UPLOAD_BYTES)
    try:
        with transaction.atomic():
            _remove_row(_lock(home), place, by=by)
            artifact = _store_row(home, place, file_id, received, by=by)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return artifact


def open_file(artifact: Artifact) -> BinaryIO:
    """Return the stored file, open for reading; FileNotFoundError if it is gone."""
    descriptor = os.open(file_path(artifact), os.O_RDONLY | os.O_NOFOLLOW)
    return os.fdopen(descriptor, "rb")


def file_path(artifact: Artifact) -> Path:
    """Return where the bytes of a stored artifact lie."""
    return _path_of(artifact.pk)


def delete(artifact: Artifact, *, by: User | None = None) -> None:
    """Remove an artifact, its file after the commit. Raises ArtifactInUse."""
    with transaction.atomic():
        _remove_row(_lock(_home(artifact)), artifact.path, by=by)


def _path_of(file_id: uuid.UUID) -> Path:
    name = file_id.hex
    return Path(settings.DATA_DIR) / "artifacts" / name[:2] / name


def _home(artifact: Artifact) -> Home:
    home = artifact.run or artifact.logged_model
    if home is None:
        raise ValueError("the database lets no artifact be without a home")
    return home


def _lock(home: Home) -> Home:
    """Make writers of one home wait for each other."""
    if not type(home).objects.select_for_update().filter(pk=home.pk):
        raise NotFound(f"{home} was deleted.", field="run_id")
    return home


def _store_row(
    home: Home, path: str, file_id: uuid.UUID, received: Received, *, by: User | None
) -> Artifact:
    artifact = Artifact.objects.create(
        id=file_id,
        run=home if isinstance(home, Run) else None,
        logged_model=home if isinstance(home, LoggedModel) else None,
        path=path,
        artifact_type=kind_of(path),
        size_bytes=received.size_bytes,
        sha256=received.sha256,
        created_by=by,
    )
    audit.record(
        "store_artifact",
        artifact,
        by=by,
        changes={"home": str(home), "sha256": received.sha256},
    )
    return artifact


def _remove_row(home: Home, path: str, *, by: User | None) -> None:
    old = home.artifacts.filter(path=path).first()
    if old is None:
        return
    if old.is_in_use():
        raise ArtifactInUse(
            "A model version or deployment stands on this file; use another path.",
            field="path",
        )
    audit.record("remove_artifact", old, by=by, changes={"home": str(home)})
    stale = file_path(old) if old.is_stored else None
    old.delete()
    if stale is not None:
        transaction.on_commit(lambda: stale.unlink(missing_ok=True))
