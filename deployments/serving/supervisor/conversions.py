"""ONNX files that validation made of other models, kept by both digests."""

import dataclasses
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployments.serving import readings
from deployments.serving.processes import discard
from deployments.serving.supervisor.folders import Folders
from deployments.serving.terms import ModelFile, Spec


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
        path = folders.conversions / f"{_key(spec)}.{digest}.onnx"
        part.replace(path)
        earlier = folders.conversions.glob(f"{_key(spec)}.*.onnx")
        discard(*(each for each in earlier if each != path))
    else:
        part.unlink()


def kept_in(data_dir: Path) -> Iterator[tuple[str, Path]]:
    """Yield each converted file with the digest of the model that it was made of."""
    for path in (data_dir / "conversions").glob("*.*.onnx"):
        yield path.name.partition(".")[0].partition("-")[0], path


def reject(spec: Spec, folders: Folders) -> None:
    """Forget the converted file, which did not load: the model's own serves then."""
    for path in folders.conversions.glob(f"{_key(spec)}.*.onnx"):
        discard(path)


def preferred(spec: Spec, folders: Folders) -> Spec:
    """Return the spec with its converted file, if one is asked for and kept."""
    if not spec.converts:
        return spec
    for path in sorted(folders.conversions.glob(f"{_key(spec)}.*.onnx")):
        _, digest, _ = path.name.split(".")
        size, names = path.stat().st_size, spec.file.feature_names
        file = ModelFile(path, spec.file.name, digest, size, feature_names=names)
        return dataclasses.replace(spec, file=file)
    return spec


def _key(spec: Spec) -> str:
    """Return what a conversion is made of: the file, and how it was read."""
    if spec.reading == readings.FIRST:
        return spec.file.sha256
    read = repr((spec.reading, spec.file.manifest)).encode()
    return f"{spec.file.sha256}-{hashlib.sha256(read).hexdigest()[:12]}"
