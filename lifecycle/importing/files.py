"""Files of runs and logged models: found below the named folders, and copied in."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import BinaryIO, Final

from lifecycle.errors import UnsafePath
from lifecycle.importing.context import ImportContext
from lifecycle.importing.locations import (
    FoundFile,
    FoundFolder,
    RefusedEntry,
    find,
    is_covered,
)
from lifecycle.models import Artifact
from lifecycle.paths import kind_of, normal_path, stored_key
from lifecycle.store.artifacts import NewFile
from mlops.core.blobs import CHUNK_BYTES
from mlops.core.byte_store import byte_store

_ANY_SIZE: Final = 2**62


def incoming(
    context: ImportContext,
    uri: str,
    *,
    owner: str,
    known: dict[str, int],
    expected: bool,
) -> list[NewFile]:
    """Return the files at an address that are new, their bytes in the store already.

    `known` has the size of each path that is here. `expected` says that there must be
    files: a folder that is not found is then reported as missing, as is one of which
    nothing above is found either. A dry run reads no bytes.
    """
    folder = find(uri, context.places, holding=owner)
    if folder is None:
        if expected or not is_covered(uri, context.places):
            context.report.miss(owner, uri)
        else:
            context.report.noted["without a folder of files"] += 1
        return []
    context.folders_found += 1
    with closing(folder):
        return list(_files(context, folder, owner, dict(known)))


def known_files(**where: object) -> dict[str, int]:
    """Return size by path of what a run or a logged model has here."""
    rows = Artifact.objects.filter(**where, is_stored=True)
    return dict(rows.values_list("path", "size_bytes"))


def _files(
    context: ImportContext, folder: FoundFolder, owner: str, known: dict[str, int]
) -> Iterator[NewFile]:
    here = frozenset(known)
    for found in folder.walk():
        if isinstance(found, RefusedEntry):
            context.report.refuse("files", f"{owner}/{found.path}", found.why)
            continue
        try:
            path = normal_path(found.path)
        except UnsafePath as unsafe:
            context.report.refuse("files", f"{owner}/{found.path}", unsafe.message)
            continue
        if path not in known and _is_other(path, here):
            why = "a file is here where this has a folder, or the other way round"
            context.report.refuse("files", f"{owner}/{found.path}", why)
        elif path not in known:
            known[path] = found.size_bytes
            if (file := _copied(context, folder, found, path, owner)) is not None:
                yield file
        elif known[path] == found.size_bytes:
            context.report.present["files"] += 1
        else:
            why = "a file of another size is here under this path"
            context.report.refuse("files", f"{owner}/{found.path}", why)


def _is_other(path: str, here: frozenset[str]) -> bool:
    """Whether the path, or one above it, is a file here and a folder there."""
    above = {"/".join(path.split("/")[:end]) for end in range(1, path.count("/") + 1)}
    return not above.isdisjoint(here) or any(one.startswith(f"{path}/") for one in here)


def _copied(
    context: ImportContext, folder: FoundFolder, found: FoundFile, path: str, owner: str
) -> NewFile | None:
    pk, size, sha256 = uuid.uuid4(), found.size_bytes, ""
    if not context.writer.is_dry:
        try:
            with folder.open(found.path) as file:
                received = byte_store().put(
                    stored_key(pk), _chunks(file), max_bytes=_ANY_SIZE
                )
        except (FileNotFoundError, PermissionError) as error:
            context.report.refuse("files", f"{owner}/{found.path}", error.strerror)
            return None
        size, sha256 = received.size_bytes, received.sha256
    return NewFile(
        pk=pk,
        path=path,
        artifact_type=kind_of(path),
        size_bytes=size,
        sha256=sha256,
        created_at=datetime.fromtimestamp(found.modified_s, UTC),
    )


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK_BYTES):
        yield chunk
