"""Descriptors that a model process inherits (never paths), and its report."""

import dataclasses
import os
import stat
from pathlib import Path
from typing import Any

import orjson

from deployments.serving.code import FOLDER, require_code_allowed
from deployments.serving.terms import ModelFile, Spec, TargetRefused

MAX_REPORT = 16 << 20
NONSENSE = "The process that loaded the model reported nonsense."


def open_model(file: ModelFile) -> int:
    """Return a descriptor of the regular file. Raises TargetRefused.

    Links are not followed, and a named pipe does not make the caller wait.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(file.path, flags)
    except FileNotFoundError:
        raise TargetRefused("The artifact's file is missing from the store.") from None
    except OSError as error:
        raise TargetRefused(f"The artifact cannot be read: {error.strerror}.") from None
    found = os.fstat(descriptor)
    reason = ""
    if not stat.S_ISREG(found.st_mode):
        reason = "The artifact is not a regular file."
    elif found.st_size != file.size_bytes:
        reason = (
            f"The artifact holds {found.st_size} bytes; {file.size_bytes} were "
            "registered: the file was changed or damaged after it was uploaded."
        )
    if reason:
        os.close(descriptor)
        raise TargetRefused(reason)
    return descriptor


def open_files(spec: Spec) -> dict[str, int]:
    """Return descriptors of the model: the file, or what is to know of its folder.

    Raises TargetRefused.
    """
    file = spec.file
    if file.folder is None:
        opened = {"model": open_model(file)}
        if file.manifest is not None:
            opened["manifest"] = _memory("manifest", dataclasses.asdict(file.manifest))
        if file.data:
            data_files = [
                {**dataclasses.asdict(one), "stored": os.fspath(one.stored)}
                for one in file.data
            ]
            opened["data"] = _memory("data", data_files)
        return opened
    require_code_allowed(FOLDER, spec.allows_code, spec.environment)
    content = {
        "files": [
            {"path": one.path, "stored": os.fspath(one.stored), "sha256": one.sha256}
            for one in file.folder.files
        ],
        "pyfunc": {
            "loader_module": file.folder.loader_module,
            "code": file.folder.code,
            "data": file.folder.data,
            "inputs": file.folder.inputs,
            "outputs": file.folder.outputs,
        },
    }
    return {"folder": _memory("folder", content)}


def _memory(name: str, content: object) -> int:
    """Return a file in memory: a message to the zygote has a largest size."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    with os.fdopen(os.dup(descriptor), "wb") as memory:
        memory.write(orjson.dumps(content))
    return descriptor


def open_beside(path: Path) -> int:
    """Open golden rows or an input example. Raises TargetRefused."""
    try:
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise TargetRefused(f"{path.name} cannot be read: {error.strerror}.") from None


def drain(descriptor: int, output: bytearray) -> bool:
    """Add what a non-blocking pipe holds to `said`; say whether that is all."""
    try:
        while len(output) <= MAX_REPORT:
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                break
            output += chunk
    except BlockingIOError:
        return False
    return True


def finding_in(output: bytes) -> dict[str, Any]:
    """Return a process's report, {} if there is none.

    What is no JSON object is a refusal: code in a model may write anything.
    """
    try:
        finding = orjson.loads(output or b"{}")
    except orjson.JSONDecodeError:
        finding = None
    return finding if isinstance(finding, dict) else {"refused": NONSENSE}
