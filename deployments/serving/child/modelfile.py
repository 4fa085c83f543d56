"""Reads the model from an open file and holds it to its digest."""

import contextlib
import hashlib
import importlib
import json
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from deployments.serving.child.datafiles import DataFiles
from deployments.serving.formats import (
    Loaded,
    LoadOptions,
    ModelFormat,
    load,
    prepare,
    sniff,
)
from deployments.serving.formats.sniff import is_onnx
from deployments.serving.terms import Manifest, TargetRefused
from mlops.sandbox import rlimits

EXTERNAL = "deployments.serving.formats.external"
"""Imported for models in several files alone: it takes onnx, which is not small."""
LARGEST_ONNX = (1 << 31) - 1
"""Bytes of a protocol buffer."""
Audit = Callable[[bytes, Mapping[str, int]], None]


class ModelSource(Protocol):
    """Source of a process's model."""

    def warm_up(self) -> None:
        """Import what loading takes, while the process may still read its files."""

    def load(self) -> Loaded:
        """Return the model, closing its files. Raises TargetRefused."""


class StoredFile:
    """An open model file and its external weight files, as descriptors.

    `audit` looks through an ONNX file first.
    """

    def __init__(
        self,
        job: dict[str, Any],
        descriptors: dict[str, int],
        audit: Audit | None = None,
    ) -> None:
        self._job, self._descriptors, self._audit = job, descriptors, audit
        self._descriptor = descriptors["model"]
        self._data: DataFiles | None = None
        self._refusal: TargetRefused | None = None

    def warm_up(self) -> None:
        """Preload libraries; errors of the file are left to `load`."""
        try:
            _require_readable(self._descriptor)
        except TargetRefused as refused:
            self._refusal = refused
            return
        if "data" in self._descriptors:
            self._data = DataFiles(json.loads(whole(self._descriptors["data"])))
            importlib.import_module(EXTERNAL)
        with contextlib.suppress(TargetRefused):
            prepare(whole(self._descriptor), self._job["reading"])

    def load(self) -> Loaded:
        if self._refusal is not None:
            raise self._refusal
        try:
            content = read(self._descriptor, self._job["sha256"])
        finally:
            os.close(self._descriptor)
        files = self._data.verified() if self._data is not None else {}
        if self._audit is not None and sniff(content) is ModelFormat.ONNX:
            self._audit(content, {name: len(each) for name, each in files.items()})
        options = options_of(self._job, self._descriptors)
        if files:
            weights = importlib.import_module(EXTERNAL).ExternalWeights(files)
            options = replace(options, weights=weights)
        model = load(content, options)
        if self._data is not None:
            self._data.release()
            rlimits.give_back(self._job["data_bytes"])
        return model


def _require_readable(descriptor: int) -> None:
    """Raise Refused for an ONNX file that no protocol buffer can be."""
    if os.fstat(descriptor).st_size <= LARGEST_ONNX:
        return
    with mmap.mmap(descriptor, 0, prot=mmap.PROT_READ) as content:
        if is_onnx(content):
            raise TargetRefused(
                "The ONNX file itself is larger than 2 GiB, which no reader of ONNX "
                "takes. Save its weights beside it, as onnx.save_model does with "
                "save_as_external_data=True, and upload both."
            )


def read(descriptor: int, sha256: str) -> bytes:
    """Return the file's bytes.

    Raises TargetRefused if they are not what was registered.
    """
    content = whole(descriptor)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise TargetRefused(
            "The artifact's checksum (SHA-256) is not the registered one: the file "
            "was changed or damaged after it was uploaded."
        )
    return content


def whole(descriptor: int) -> bytes:
    """Return what an open file holds, which stays open."""
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read()


def format_of(descriptor: int) -> ModelFormat | None:
    """Return the file's format, None for an unknown one."""
    try:
        return sniff(whole(descriptor))
    except TargetRefused:
        return None


def options_of(job: dict[str, Any], descriptors: dict[str, int]) -> LoadOptions:
    manifest = whole(descriptors["manifest"]) if "manifest" in descriptors else b"{}"
    return LoadOptions(
        threads=max(1, int(job["cpus"])),
        allows_code=job["allows_code"],
        feature_names=tuple(job["feature_names"]),
        environment=job["environment"],
        reading=job["reading"],
        manifest=Manifest(**json.loads(manifest)),
    )
