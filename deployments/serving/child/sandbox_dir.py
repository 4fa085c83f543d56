"""A sandbox directory for one process: a copy of its model, and space to write."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from deployments.serving.terms import TargetRefused
from mlops.sandbox.isolation import SandboxRules

CHUNK = 1 << 20
FIRST_USER, USERS = 61184, 4336
"""Numbers that no distribution gives to people (systemd has them for services)."""
TRIES = 1000
WORK = "work"
"""The folder in it where its process starts."""


def user_of(root: Path) -> int:
    """Return the number of a user that, as good as surely, no other process has."""
    return FIRST_USER + int(hashlib.sha256(root.name.encode()).hexdigest(), 16) % USERS


def rules_of(root: str) -> SandboxRules:
    """Return the rules of the sandbox whose process has this directory."""
    return SandboxRules(Path(root) / WORK, Path(root))


def make(root: Path, files: Iterable[dict[str, Any]]) -> None:
    """Make the directory with a copy of the files in `model`.

    Raises TargetRefused or OSError. A file is `path` (below `model`), `stored` (where
    its bytes lie) and `sha256`. As root it is given to a user of its own.
    """
    _make_empty(root)
    (root / WORK).mkdir(mode=0o700)
    for file in files:
        inside = PurePosixPath(file["path"])
        if inside.is_absolute() or ".." in inside.parts:
            raise TargetRefused(f"The path {file['path']!r} leads out of the folder.")
        target = root / "model" / inside
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(file, target)
    if os.geteuid() == 0:
        _give_away(root)


def _make_empty(root: Path) -> None:
    """Make the directory; others may remove the folder around it meanwhile."""
    for _ in range(TRIES):
        with contextlib.suppress(FileExistsError):
            root.parent.mkdir(mode=0o711)
        try:
            _require_ours(root.parent)
            root.mkdir(mode=0o700)
        except FileNotFoundError:
            continue
        return
    raise OSError(errno.EAGAIN, f"{root} cannot be made")


def _require_ours(folder: Path) -> None:
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o22 or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else or is open to them.")


def _copy(file: dict[str, Any], target: Path) -> None:
    digest = hashlib.sha256()
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        source = os.open(file["stored"], flags)
    except FileNotFoundError:
        raise TargetRefused(
            f"The artifact's file {file['path']!r} is missing from the store."
        ) from None
    with os.fdopen(source, "rb") as given, target.open("xb") as taken:
        while chunk := given.read(CHUNK):
            digest.update(chunk)
            taken.write(chunk)
    if digest.hexdigest() != file["sha256"]:
        raise TargetRefused(
            f"The checksum (SHA-256) of {file['path']!r} is not the registered one: "
            "the file was changed or damaged after it was uploaded."
        )


def _give_away(root: Path) -> None:
    user = user_of(root)
    for folder, _, names in os.walk(root):
        for path in [Path(folder), *[Path(folder, name) for name in names]]:
            os.chown(path, user, user)
