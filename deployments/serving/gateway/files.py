"""Folders of small JSON files that others replace atomically, read when they change."""

import contextlib
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

logger = logging.getLogger(__name__)

RACY_NS = 50_000_000  # file systems' clocks tick coarser than ours


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
class Watched:
    """The parsed `*.json` of a folder, or one file; a stat says if it must be read."""

    path: Path
    content: dict[str, Any] = field(default_factory=dict)
    _stamp: int = -1
    _stamps: dict[str, tuple[int, int]] = field(default_factory=dict)

    def changed(self) -> bool:
        """Read what is new; True if anything is."""
        try:
            stamp = self.path.stat().st_mtime_ns
        except FileNotFoundError:
            stamp = 0
        if stamp == self._stamp:
            return False
        # Changed just now: it may change again within the same tick of its clock.
        is_settled = time.time_ns() - stamp > RACY_NS
        self._stamp = stamp if is_settled else -1
        return self._read(stamp)

    def _read(self, stamp: int) -> bool:
        names = self._names() if stamp else {}
        if names == self._stamps:
            return False
        for name, found in names.items():
            if self._stamps.get(name) != found:
                self._parse(name)
        for name in self._stamps.keys() - names.keys():
            self.content.pop(name, None)
        self._stamps = names
        return True

    def _names(self) -> dict[str, tuple[int, int]]:
        if not self.path.is_dir():
            found = self.path.stat()
            return {self.path.name: (found.st_ino, found.st_mtime_ns)}
        names = {}
        with os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and entry.name[0] != ".":
                    try:
                        found = entry.stat()
                    except FileNotFoundError:
                        continue
                    names[entry.name] = (found.st_ino, found.st_mtime_ns)
        return names

    def _parse(self, name: str) -> None:
        path = self.path / name if self.path.is_dir() else self.path
        try:
            self.content[name] = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            self.content.pop(name, None)
        except orjson.JSONDecodeError:
            logger.warning("skipped %s: it is not JSON", name)
