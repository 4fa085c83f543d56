"""Reads backups anew: every chunk that they name, every digest of every file."""

import hashlib
from collections.abc import Iterator

from mlops.backup.files import CopiedFile, stored_files
from mlops.backup.folder import BackupFolder
from mlops.backup.manifest import BackupManifest
from mlops.backup.progress import TerminalProgress
from mlops.backup.seal import Damaged


class Verifier:
    """Verifies backups of one folder; what several of them name is read once."""

    def __init__(self, folder: BackupFolder, progress: TerminalProgress) -> None:
        self._folder, self._progress = folder, progress
        self._whole = set[str]()

    def verify(self, name: str) -> list[str]:
        """Return what is wrong with a backup, in sentences; nothing if it is whole."""
        try:
            manifest = BackupManifest.from_json(self._folder.manifest(name))
        except Damaged as damaged:
            return [str(damaged)]
        return [*self._tables(manifest), *self._files(manifest)]

    def _tables(self, manifest: BackupManifest) -> Iterator[str]:
        tables = manifest.tables.items()
        chunks = [(label, name) for label, one in tables for name in one.chunks]
        self._progress.begin(f"{manifest.name}: chunks of rows", len(chunks))
        for label, name in chunks:
            if name not in self._whole:
                try:
                    self._folder.get(name)
                    self._whole.add(name)
                except Damaged as damaged:
                    yield f"{label}: {damaged}"
            self._progress.advance(1)
        self._progress.end()

    def _files(self, manifest: BackupManifest) -> Iterator[str]:
        total = sum(files.size_bytes for files in manifest.files.values())
        self._progress.begin(f"{manifest.name}: bytes of files", total)
        for files in manifest.files.values():
            try:
                for one in stored_files(self._folder, files):
                    yield from self._file(one)
                    self._progress.advance(one.size_bytes)
            except Damaged as damaged:
                yield str(damaged)
        self._progress.end()

    def _file(self, one: CopiedFile) -> Iterator[str]:
        known = f"{one.sha256} {one.size_bytes} {' '.join(one.parts)}"
        if known in self._whole:
            return
        digest, size = hashlib.sha256(), 0
        try:
            for part in one.parts:
                content = self._folder.get(part)
                digest.update(content)
                size += len(content)
        except Damaged as damaged:
            yield f"{one.key}: {damaged}"
            return
        if (digest.hexdigest(), size) != (one.sha256, one.size_bytes):
            yield f"{one.key} is not the file that was copied."
            return
        self._whole.add(known)
