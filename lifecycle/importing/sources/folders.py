"""Reads the folders of a store of files: no link is followed, no size is trusted."""

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

import yaml

from lifecycle.importing.locations import FoundFile, FoundFolder, descend

META: Final = "meta.yaml"
MAX_META_BYTES: Final = 1 << 20
MAX_TEXT_BYTES: Final = 16 << 20
MAX_METRIC_BYTES: Final = 1 << 30
UNFIT: Final = "unfit"
"""The column of a row whose file cannot be read; it says why."""


class PlainLoader(yaml.SafeLoader):
    """Plain data only; no aliases, which can make a small file a huge one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not read")
        return super().compose_node(parent, index)


class StoreFolders:
    """The folders below a root, by the names of their path."""

    def __init__(self, root: Path) -> None:
        self._root = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._root)

    def names(self, *parts: str) -> list[str]:
        """Return the folders in a folder, sorted; none where it is not there."""
        folder = self._descriptor(parts)
        if folder is None:
            return []
        try:
            with os.scandir(folder) as listed:
                found = [e.name for e in listed if e.is_dir(follow_symlinks=False)]
            return sorted(found)
        finally:
            os.close(folder)

    def has(self, name: str, *parts: str) -> bool:
        """Whether a folder has something of a name."""
        folder = self._descriptor(parts)
        if folder is None:
            return False
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            return False
        finally:
            os.close(folder)
        return True

    def meta(self, *parts: str) -> dict[str, Any]:
        """Return what a folder's meta.yaml says, or why it cannot be read."""
        content = self._read(parts, META, MAX_META_BYTES)
        if content is None:
            return {UNFIT: f"{META} is no plain file of at most {MAX_META_BYTES} bytes"}
        try:
            parsed = PlainLoader(content).get_single_data()
        except (yaml.YAMLError, ValueError, RecursionError):
            return {UNFIT: f"{META} is no plain YAML"}
        if not isinstance(parsed, dict):
            return {UNFIT: f"{META} holds no names and values"}
        return parsed

    def texts(self, *parts: str) -> list[tuple[Any, Any]]:
        """Return (path, text) of all files below; what cannot be read stays bytes."""
        found: list[tuple[Any, Any]] = []
        for path, content in self.contents(MAX_TEXT_BYTES, *parts):
            try:
                found.append((path, b"" if content is None else content.decode()))
            except UnicodeDecodeError:
                found.append((path, content))
            if content is None:
                found[-1] = (path, b"")
        return found

    def contents(self, most: int, *parts: str) -> Iterator[tuple[str, bytes | None]]:
        """Yield (path, bytes) of all files below, by path; None for one too large."""
        descriptor = self._descriptor(parts)
        if descriptor is None:
            return
        with closing(FoundFolder(descriptor)) as folder:
            for found in sorted(folder.walk(), key=lambda one: one.path):
                if not isinstance(found, FoundFile) or found.size_bytes > most:
                    yield found.path, None
                    continue
                with folder.open(found.path) as file:
                    yield found.path, file.read(most)

    def _read(self, parts: tuple[str, ...], name: str, most: int) -> bytes | None:
        descriptor = self._descriptor(parts)
        if descriptor is None:
            return None
        with closing(FoundFolder(descriptor)) as folder, suppress(OSError):
            with folder.open(name) as file:
                content = file.read(most + 1)
            return content if len(content) <= most else None
        return None

    def _descriptor(self, parts: tuple[str, ...]) -> int | None:
        """Return a folder, held open; the caller closes it."""
        if any("/" in part or part in {"", ".", ".."} for part in parts):
            return None
        try:
            return descend(self._root, parts)
        except (OSError, ValueError):
            return None
