"""Reads the model from an open file and holds it to its digest."""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from typing import Any, Protocol

from deployments.serving.formats import Format, Loaded, Options, load, prepare, sniff
from deployments.serving.terms import Manifest, Refused


class Source(Protocol):
    """Where a process has its model from."""

    def warm_up(self) -> None:
        """Import what loading takes, while the process may still read its files."""

    def load(self) -> Loaded:
        """Return the model, closing its files. Raises Refused."""


class StoredFile:
    """One file, as a descriptor; `audit` looks through an ONNX file first."""

    def __init__(
        self,
        job: dict[str, Any],
        descriptors: dict[str, int],
        audit: Callable[[bytes], None] | None = None,
    ) -> None:
        self._job, self._descriptors, self._audit = job, descriptors, audit
        self._descriptor = descriptors["model"]

    def warm_up(self) -> None:
        """An unknown format is left for `load` to refuse."""
        with contextlib.suppress(Refused):
            prepare(whole(self._descriptor), self._job["reading"])

    def load(self) -> Loaded:
        try:
            content = read(self._descriptor, self._job["sha256"])
        finally:
            os.close(self._descriptor)
        if self._audit is not None and sniff(content) is Format.ONNX:
            self._audit(content)
        return load(content, options_of(self._job, self._descriptors))


def read(descriptor: int, sha256: str) -> bytes:
    """Return the file's bytes. Raises Refused if they are not what was registered."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        content = file.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Refused(
            "The artifact's checksum (SHA-256) is not the registered one: the file "
            "was changed or damaged after it was uploaded."
        )
    return content


def whole(descriptor: int) -> bytes:
    """Return what an open file holds, which stays open."""
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def format_of(descriptor: int) -> Format | None:
    """Return the file's format, None for an unknown one."""
    try:
        return sniff(whole(descriptor))
    except Refused:
        return None


def options_of(job: dict[str, Any], descriptors: dict[str, int]) -> Options:
    told = whole(descriptors["manifest"]) if "manifest" in descriptors else b"{}"
    return Options(
        threads=max(1, int(job["cpus"])),
        allows_code=job["allows_code"],
        feature_names=tuple(job["feature_names"]),
        environment=job["environment"],
        reading=job["reading"],
        manifest=Manifest(**json.loads(told)),
    )
