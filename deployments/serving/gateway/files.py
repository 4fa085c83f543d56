"""Small JSON files that others replace as a whole, read when they change."""

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

logger = logging.getLogger(__name__)

FOLDERS, ENDING = ("", "backends/", "routes/"), ".json"
Stamp = tuple[int, int]


def replace(path: Path, content: bytes) -> None:
    """Write the whole file or leave the old one; only this user may read it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


@dataclass(slots=True)
class StateFiles:
    """JSON files below a folder that others replace; a name is a path without `.json`.

    A stamp tells whether a file must be read again.
    """

    run: Path
    _stamps: dict[str, Stamp] = field(default_factory=dict)

    def read(self, name: str) -> dict[str, Any] | None:
        """Return what the file says now, None if there is none or it makes no sense."""
        try:
            with (self.run / f"{name}.json").open("rb") as file:
                found = os.fstat(file.fileno())
                content = file.read()
        except FileNotFoundError:
            self._stamps.pop(name, None)
            return None
        self._stamps[name] = (found.st_ino, found.st_mtime_ns)
        try:
            parsed = orjson.loads(content)
        except orjson.JSONDecodeError:
            logger.warning("skipped %s: it is not JSON", name)
            return None
        return parsed if isinstance(parsed, dict) else None

    def changed(self, into: list[str]) -> Iterator[None]:
        """Find names of files that are new, replaced or gone since `read`, bit by bit.

        What is read meanwhile may be among them.
        """
        gone = set(self._stamps)
        for name, stamp in self._listed():
            gone.discard(name)
            if self._stamps.get(name) != stamp:
                into.append(name)
            yield
        into.extend(gone)

    def _listed(self) -> Iterator[tuple[str, Stamp]]:
        for folder in FOLDERS:
            try:
                entries = os.scandir(self.run / folder)
            except FileNotFoundError:
                continue
            with entries:
                for entry in entries:
                    if not entry.name.endswith(ENDING) or entry.name[0] == ".":
                        continue
                    with contextlib.suppress(FileNotFoundError):
                        found = entry.stat()
                        name = f"{folder}{entry.name.removesuffix(ENDING)}"
                        yield name, (found.st_ino, found.st_mtime_ns)
