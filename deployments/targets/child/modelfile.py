"""Reads the model from an open file and holds it to its digest."""

import hashlib
import os
from typing import Any

from deployments.targets.base import Refused
from deployments.targets.formats import Format, Loaded, Options, load, reader, sniff

PEEK_BYTES = 1 << 16


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


def load_model(content: bytes, job: dict[str, Any]) -> Loaded:
    return load(content, options_of(job))


def import_reader(descriptor: int) -> None:
    """Import the format's library while the process may still read its files.

    An unknown format is left for `load_model` to refuse.
    """
    if found := format_of(descriptor):
        reader(found)


def format_of(descriptor: int) -> Format | None:
    """Return the file's format, None for an unknown one."""
    try:
        return sniff(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    except Refused:
        return None


def options_of(job: dict[str, Any]) -> Options:
    return Options(
        threads=max(1, int(job["cpus"])),
        allows_code=job["allows_code"],
        feature_names=tuple(job["feature_names"]),
    )
