"""A folder for one process alone: its copy of a model's files, and room to write."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from deployments.serving.terms import TargetRefused
from mlops.walls.walls import Walls

CHUNK = 1 << 20
FIRST_USER, USERS = 61184, 4336
"""Numbers that no distribution gives to people (systemd has them for services)."""
TRIES = 1000
WORK = "work"
"""The folder in the room where its process begins."""


def user_of(room: Path) -> int:
    """Return the number of a user that, as good as surely, no other process has."""
    return FIRST_USER + int(hashlib.sha256(room.name.encode()).hexdigest(), 16) % USERS


def walls_of(room: str) -> Walls:
    """Return what is left to a process that has the room."""
    return Walls(Path(room) / WORK, Path(room))


def make(room: Path, files: Iterable[dict[str, Any]]) -> None:
    """Make the room with a copy of the files in `model`.

    Raises TargetRefused or OSError.

    A file is `path` (below `model`), `stored` (where its bytes lie) and `sha256`.
    As root it is given to the room's own user.
    """
    _make_empty(room)
    (room / WORK).mkdir(mode=0o700)
    for file in files:
        inside = PurePosixPath(file["path"])
        if inside.is_absolute() or ".." in inside.parts:
            raise TargetRefused(f"The path {file['path']!r} leads out of the folder.")
        target = room / "model" / inside
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _copy(file, target)
    if os.geteuid() == 0:
        _give_away(room)


def _make_empty(room: Path) -> None:
    """Make the room; the folder around it may be removed by others meanwhile."""
    for _ in range(TRIES):
        with contextlib.suppress(FileExistsError):
            room.parent.mkdir(mode=0o711)
        try:
            _require_ours(room.parent)
            room.mkdir(mode=0o700)
        except FileNotFoundError:
            continue
        return
    raise OSError(errno.EAGAIN, f"{room} cannot be made")


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


def _give_away(room: Path) -> None:
    user = user_of(room)
    for folder, _, names in os.walk(room):
        for path in [Path(folder), *[Path(folder, name) for name in names]]:
            os.chown(path, user, user)
