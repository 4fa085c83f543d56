"""The rows of artifacts: stored files, and references that a client named.

The bytes are written by `lifecycle.artifacts`, which also checks that no version or
deployment uses a file before its row goes.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Final, Protocol

from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from lifecycle.store import sql
from lifecycle.store.recording import Recording
from lifecycle.store.runs import LockedRun
from mlops.core import audit
from mlops.core.errors import AlreadyExists, Invalid

_KIND: Final = "lifecycle.artifact"
_COLUMNS = """id, run_id, logged_model_id, path, artifact_type, uri, size_bytes, sha256,
    is_stored, created_by_id, created_at"""
_INSERT = f"""
    INSERT INTO lifecycle_artifact ({_COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""  # noqa: S608 - constants
_UPSERT_REFERENCE = f"""
    INSERT INTO lifecycle_artifact ({_COLUMNS})
    VALUES (%s, %s, NULL, %s, %s, %s, %s, '', %s, %s, %s)
    ON CONFLICT (run_id, path) WHERE run_id IS NOT NULL DO UPDATE SET
        artifact_type = excluded.artifact_type, uri = excluded.uri,
        size_bytes = excluded.size_bytes, created_by_id = excluded.created_by_id
"""  # noqa: S608 - constants
_SET_TYPE = """
    UPDATE lifecycle_artifact SET artifact_type = %s
    WHERE run_id = %s AND path = %s AND is_stored
"""
_IS_STORED = """
    SELECT 1 FROM lifecycle_artifact WHERE run_id = %s AND path = %s AND is_stored
"""

# What begins with a folder and a slash is before the folder and a zero.
_IN_THE_WAY = """
    SELECT path FROM lifecycle_artifact
    WHERE {owner} = %s AND (path IN ({marks}) OR ({path} > %s AND {path} < %s))
    LIMIT 1
"""


class RemovableArtifact(Protocol):
    """A stored row that is removed with all that hangs on it."""

    @property
    def pk(self) -> uuid.UUID: ...

    @property
    def path(self) -> str: ...

    def delete(self) -> object: ...


@dataclass(frozen=True, slots=True)
class ArtifactOwner:
    """Owner of a file: a run by primary key or a logged model; and its name."""

    run: int | None
    logged_model: str | None
    name: str

    @property
    def reference(self) -> dict[str, int | str]:
        """The owner's reference in the audit trail."""
        return audit.reference(self.run or self.logged_model or "", self.name)


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file whose bytes are on the disk under `pk`."""

    pk: uuid.UUID
    path: str
    artifact_type: str
    size_bytes: int
    sha256: str
    created_at: datetime = field(default_factory=timezone.now)


@dataclass(frozen=True, slots=True)
class NewReference:
    """A remote address under a path of a run; nothing here opens it."""

    path: str
    uri: str
    artifact_type: str
    size_bytes: int


def add(
    cursor: CursorWrapper, owner: ArtifactOwner, file: NewFile, *, by: int | None
) -> None:
    """Add the row of a stored file; its owner is locked and the path is free.

    Raises Invalid where the path, or one above it, is the other of file and folder.
    """
    _refuse_both(cursor, owner, file.path, field="path")
    _add(cursor, owner, file, by=by)
    audit.note(
        cursor,
        "store_artifact",
        (_KIND, str(file.pk), file.path),
        by=by,
        changes={"home": owner.reference, "sha256": file.sha256},
    )


def record(history: Recording, owner: ArtifactOwner, file: NewFile) -> None:
    """Store the row of an imported file; its bytes are in the byte store."""
    _add(history.cursor, owner, file, by=None)
    history.count("files")


def _add(
    cursor: CursorWrapper, owner: ArtifactOwner, file: NewFile, *, by: int | None
) -> None:
    cursor.execute(
        _INSERT,
        (
            file.pk.hex,
            owner.run,
            owner.logged_model,
            file.path,
            file.artifact_type,
            "",
            file.size_bytes,
            file.sha256,
            True,
            by,
            sql.moment(file.created_at),
        ),
    )


def remove(
    cursor: CursorWrapper,
    artifact: RemovableArtifact,
    owner: ArtifactOwner,
    *,
    by: int | None,
) -> None:
    """Remove the row of a file or reference that nothing uses."""
    target = (_KIND, str(artifact.pk), artifact.path)
    changes = {"home": owner.reference}
    audit.note(cursor, "remove_artifact", target, by=by, changes=changes)
    artifact.delete()


def refer(
    cursor: CursorWrapper,
    run: LockedRun,
    references: Sequence[NewReference],
    *,
    by: int | None,
) -> None:
    """Keep references of a run that is held; one to an uploaded file says its type.

    Raises AlreadyExists when the name is that of an uploaded file and the URI another,
    Invalid where it would be a file and a folder.
    """
    kept = [_refer(cursor, run.pk, reference, by=by) for reference in references]
    if kept:
        changes = {"artifacts": kept}
        audit.note(cursor, "refer_to", run.target, by=by, changes=changes)


def _refer(
    cursor: CursorWrapper, run: int, reference: NewReference, *, by: int | None
) -> str:
    """Return the path of the file or reference that is kept."""
    cursor.execute(_SET_TYPE, (reference.artifact_type, run, reference.uri))
    if cursor.rowcount:
        return reference.uri
    cursor.execute(_IS_STORED, (run, reference.path))
    if cursor.fetchone() is not None:
        raise AlreadyExists(
            f"{reference.path!r} is an uploaded file of this run.", field="artifacts"
        )
    owner = ArtifactOwner(run=run, logged_model=None, name="")
    _refuse_both(cursor, owner, reference.path, field="artifacts")
    cursor.execute(
        _UPSERT_REFERENCE,
        (
            uuid.uuid4().hex,
            run,
            reference.path,
            reference.artifact_type,
            reference.uri,
            reference.size_bytes,
            False,
            by,
            sql.now(),
        ),
    )
    return reference.path


def _refuse_both(
    cursor: CursorWrapper, owner: ArtifactOwner, path: str, *, field: str
) -> None:
    """Raise Invalid if the path is a folder, or a folder of it is a file."""
    above = [parent.as_posix() for parent in PurePosixPath(path).parents[:-1]]
    statement = _IN_THE_WAY.format(
        owner="run_id" if owner.run is not None else "logged_model_id",
        marks=", ".join(["%s"] * len(above)) or "NULL",
        path=sql.bytewise("path"),
    )
    home = owner.logged_model if owner.run is None else owner.run
    cursor.execute(statement, (home, *above, f"{path}/", f"{path}0"))
    if (row := cursor.fetchone()) is None:
        return
    if row[0] in above:
        raise Invalid(f"{row[0]!r} is a file; nothing can lie below it.", field=field)
    raise Invalid(f"{path!r} is a folder, with files in it.", field=field)
