"""Copies the files that a snapshot's rows name, in parts of some megabytes.

A file never changes. One that an earlier backup here has under the same key and digest
is not read again.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mlops.backup.cutting import pieces
from mlops.backup.folder import BackupFolder
from mlops.backup.manifest import BackupManifest, CopiedFiles
from mlops.backup.pool import in_order
from mlops.backup.progress import TerminalProgress
from mlops.backup.registration import NamedFile
from mlops.core.byte_store import byte_store

PART_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class CopiedFile:
    """A file of a backup: its key, size, SHA-256, and the chunks that it is made of."""

    key: str
    size_bytes: int
    sha256: str
    parts: tuple[str, ...]

    @property
    def entry(self) -> list[object]:
        return [self.key, self.size_bytes, self.sha256, list(self.parts)]


def stored_files(folder: BackupFolder, files: CopiedFiles) -> Iterator[CopiedFile]:
    """Yield the files below a prefix of a backup, by their keys. Raises Damaged."""
    for name in files.chunks:
        for key, size_bytes, sha256, parts in json.loads(folder.get(name)):
            yield CopiedFile(key, size_bytes, sha256, tuple(parts))


class Copying:
    """Copies files below one prefix; `damage` collects what was not as rows say."""

    def __init__(
        self,
        folder: BackupFolder,
        earlier: CopiedFiles | None,
        progress: TerminalProgress,
    ) -> None:
        self._folder, self._progress = folder, progress
        self.damage: list[str] = []
        self._known = _Known(folder, earlier)

    def run(self, named: Iterable[NamedFile]) -> CopiedFiles:
        """Copy the files, given in the order of their keys; return what they became."""
        files = CopiedFiles()
        for piece in pieces(self._copied(named), lambda one: one.key):
            entries = [one.entry for one in piece]
            files.chunks.append(
                self._folder.put(json.dumps(entries, separators=(",", ":")).encode())
            )
            files.count += len(piece)
            files.size_bytes += sum(one.size_bytes for one in piece)
        return files

    def _copied(self, named: Iterable[NamedFile]) -> Iterator[CopiedFile]:
        looked_up = ((one, self._known.find(one)) for one in named)
        for one, stored in in_order(self._copy, looked_up):
            self._progress.advance(stored.size_bytes if stored else one.size_bytes or 0)
            if stored is not None:
                yield stored

    def _copy(
        self, given: tuple[NamedFile, CopiedFile | None]
    ) -> tuple[NamedFile, CopiedFile | None]:
        one, known = given
        if known is not None and all(map(self._folder.has, known.parts)):
            return one, known
        try:
            stored = self._read(one.key)
        except OSError as error:
            if one.is_required or not isinstance(error, FileNotFoundError):
                self.damage.append(f"{one.key} cannot be read: {error.strerror}")
            return one, None
        if one.sha256 not in {"", stored.sha256}:
            self.damage.append(f"{one.key} has another digest than its row says")
        return one, stored

    def _read(self, key: str) -> CopiedFile:
        digest, size, parts = hashlib.sha256(), 0, []
        with byte_store().open(key) as file:
            while part := file.read(PART_BYTES):
                digest.update(part)
                size += len(part)
                parts.append(self._folder.put(part))
        return CopiedFile(key, size, digest.hexdigest(), tuple(parts))


class _Known:
    """The files of an earlier backup, looked up in the order of keys."""

    def __init__(self, folder: BackupFolder, earlier: CopiedFiles | None) -> None:
        self._files = stored_files(folder, earlier or CopiedFiles())
        self._next = next(self._files, None)

    def find(self, one: NamedFile) -> CopiedFile | None:
        """Return the file under this key, if it is known to be the same."""
        while self._next is not None and self._next.key < one.key:
            self._next = next(self._files, None)
        found = self._next
        if found is None or found.key != one.key or found.sha256 != one.sha256:
            return None
        return found


def newest_readable(folder: BackupFolder, installation: str) -> BackupManifest | None:
    """Return the newest backup of an installation, to take from what it has."""
    for name in reversed(folder.backups()):
        manifest = BackupManifest.from_json(folder.manifest(name))
        if manifest.installation == installation:
            return manifest
    return None
