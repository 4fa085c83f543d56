r"""Where the files of a history are: found below named folders, never by an address.

An address in a store (`file:///C:/work/mlruns/3/RUN/artifacts`, `./mlruns/…`,
`mlflow-artifacts:/3/…`) is text. Its longest end that exists below one of the folders
that the operator named is where the files are; what it says besides is not looked at.
Every step down refuses symbolic links, and only plain files are read.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")
_HERE: Final = frozenset({"file", "mlflow-artifacts"})
_FLAGS: Final = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_LEAST: Final = 2
_MOST_FOLDERS: Final = 64
"""How deep a folder of artifacts is walked."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file below a found folder; `path` is relative to that, with slashes."""

    path: str
    size_bytes: int
    modified_s: float


@dataclass(frozen=True, slots=True)
class RefusedEntry:
    """Something below a found folder that is not read."""

    path: str
    why: str


class FoundFolder:
    """A folder of artifacts that was found, held open."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def walk(self) -> Iterator[FoundFile | RefusedEntry]:
        """Yield what lies in it and below, folder by folder, by name."""
        yield from _walk(self._descriptor, "", 0)

    def open(self, path: str) -> BinaryIO:
        """Open a file that `walk` found. Raises OSError, also for a link meanwhile."""
        *above, name = path.split("/")
        folder = descend(self._descriptor, above)
        try:
            file = os.open(name, os.O_RDONLY | _FLAGS, dir_fd=folder)
        finally:
            os.close(folder)
        return os.fdopen(file, "rb")

    def close(self) -> None:
        os.close(self._descriptor)


def is_remote(uri: str) -> bool:
    """Whether an address has the scheme of a store elsewhere, such as `s3:`."""
    found = _SCHEME.match(uri)
    return found is not None and found[1].lower() not in _HERE


def find(uri: str, places: Sequence[Path], *, holding: str = "") -> FoundFolder | None:
    """Return the folder that the longest possible end of an address names.

    The end has to hold the segment `holding` (the id of a run), so that no folder that
    is called the same is taken for it; where the address has no such segment, it has to
    be of two at least. Of several places the one where more of the address is found,
    then the first. None where there is no such folder.
    """
    parts = segments(uri)
    if holding in parts:
        last = len(parts) - 1 - parts[::-1].index(holding)
    else:
        last = len(parts) - _LEAST
    for start in range(last + 1):
        for place in places:
            with suppress(OSError):
                return FoundFolder(_open_below(place, parts[start:]))
    return None


def is_covered(uri: str, places: Sequence[Path]) -> bool:
    """Whether something above an address is, or is found in, one of the places.

    Then an address that is not found has no files: MLflow makes a folder for the first.
    """
    above = segments(uri)[:-1]
    names = {place.resolve().name for place in places}
    if names.intersection(above):
        return True
    for end in range(len(above), 0, -1):
        for start in range(end):
            for place in places:
                with suppress(OSError):
                    os.close(_open_below(place, above[start:end]))
                    return True
    return False


def segments(uri: str) -> list[str]:
    """Return the names of an address's path; none of them can climb.

    Percent signs are decoded once where there is a scheme, as it was encoded then.
    """
    scheme = _SCHEME.match(uri)
    path = uri
    if scheme:
        path = uri[scheme.end() :]
        if path.startswith("//"):
            path = path[2:].partition("/")[2]
        path = unquote(path)
    path = path.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if any(part == ".." or "\0" in part for part in parts):
        return []
    return parts


def _open_below(place: Path, parts: Sequence[str]) -> int:
    root = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return descend(root, parts)
    finally:
        os.close(root)


def descend(folder: int, parts: Sequence[str]) -> int:
    """Return a folder below another one, no link on the way. Raises OSError."""
    found = os.dup(folder)
    for part in parts:
        above = found
        try:
            found = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _FLAGS, dir_fd=above)
        finally:
            os.close(above)
    return found


def _walk(folder: int, prefix: str, depth: int) -> Iterator[FoundFile | RefusedEntry]:
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        path = f"{prefix}{entry.name}"
        found = os.stat(entry.name, dir_fd=folder, follow_symlinks=False)
        if stat.S_ISREG(found.st_mode):
            yield FoundFile(path, found.st_size, found.st_mtime)
        elif not stat.S_ISDIR(found.st_mode):
            yield RefusedEntry(path, "it is a link or no plain file")
        elif depth >= _MOST_FOLDERS:
            yield RefusedEntry(path, "it lies too deep")
        else:
            below = descend(folder, [entry.name])
            try:
                yield from _walk(below, f"{path}/", depth + 1)
            finally:
                os.close(below)
