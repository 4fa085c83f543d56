"""ONNX files that validation made of other models, in the byte store by digests."""

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployments.serving import readings
from deployments.serving.supervisor.folders import Folders
from deployments.serving.terms import ModelFile, Spec
from mlops.core.blobs import Blob, ByteStore

PREFIX = "conversions/"


def part_of(folders: Folders, examination_id: str) -> Path:
    """Return where an examination writes its conversion."""
    return folders.conversions / f"{examination_id}.part"


def open_part(path: Path) -> int:
    """Return a new file that a process may write to."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(path, flags, 0o600)


def keep(part: Path, spec: Spec, finding: dict[str, Any], folders: Folders) -> None:
    """Keep what the process wrote if it is what it reported, else nothing.

    An earlier conversion of the same model goes: only this one was validated.
    """
    if not part.exists():
        return
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    if digest == finding.get("converted_sha256"):
        earlier = _made_of(spec, folders.store)
        key = f"{PREFIX}{_source(spec)}.{digest}.onnx"
        folders.store.adopt(key, part, is_lasting=False)
        _discard([each for each in earlier if each.key != key], folders.store)
    else:
        part.unlink()


def kept_in(store: ByteStore) -> Iterator[tuple[str, Blob]]:
    """Yield each converted file with the digest of the model that it was made of."""
    for blob in store.listing(PREFIX):
        source, _, rest = blob.key.removeprefix(PREFIX).partition(".")
        if rest.endswith(".onnx"):
            yield source.partition("-")[0], blob


def reject(spec: Spec, folders: Folders) -> None:
    """Forget the converted file, which did not load: the model's own serves then."""
    _discard(_made_of(spec, folders.store), folders.store)


def preferred(spec: Spec, folders: Folders) -> Spec:
    """Return the spec with its converted file, if one is wanted and kept."""
    if not spec.converts:
        return spec
    for blob in _made_of(spec, folders.store):
        _, digest, _ = blob.key.split(".")
        file = ModelFile(
            folders.store.local(blob.key),
            spec.file.name,
            digest,
            blob.size_bytes,
            feature_names=spec.file.feature_names,
        )
        return dataclasses.replace(spec, file=file)
    return spec


def _made_of(spec: Spec, store: ByteStore) -> list[Blob]:
    start = f"{PREFIX}{_source(spec)}."
    return [
        blob
        for blob in store.listing(PREFIX)
        if blob.key.startswith(start) and blob.key.endswith(".onnx")
    ]


def _discard(blobs: list[Blob], store: ByteStore) -> None:
    """Delete them; what cannot be deleted now is for the next sweep."""
    for blob in blobs:
        with contextlib.suppress(OSError):
            store.delete(blob.key)


def _source(spec: Spec) -> str:
    """Return what a conversion is made of: the file, and how it was read."""
    if spec.reading == readings.FIRST:
        return spec.file.sha256
    read = repr((spec.reading, spec.file.manifest)).encode()
    return f"{spec.file.sha256}-{hashlib.sha256(read).hexdigest()[:12]}"
