"""The folder that backups lie in: chunks that many of them name, one manifest each.

    format.json                 of which format it is, and a check of the key
    chunks/<ab>/<name>          one content each, compressed where that helps
    manifests/<time>-<id>.json  a backup; it is there when all that it names is
    tried/<time>-<id>.json      that a restore of a backup was tried
    lock                        held by who reads or adds, alone by who removes

A chunk or manifest gets its name when it is whole and on the disk.
"""

import fcntl
import hashlib
import json
import os
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any, Final

from mlops.backup.seal import Damaged, Seal

FORMAT: Final = 1
_RAW, _DEFLATED = b"\x00", b"\x01"
_PROBE_BYTES: Final = 64 << 10
_WORTH: Final = 0.9
_LEVEL: Final = 1


class BadFolder(Exception):
    """The folder is none of backups, or cannot be used with this key."""


class FolderBusy(Exception):
    """Somebody else uses the folder in a way that does not go together."""


class BackupFolder:
    """Chunks and manifests; safe from any number of threads and processes."""

    def __init__(self, root: Path, seal: Seal) -> None:
        self.root, self.seal = root, seal
        self.written_bytes = self.written_count = 0
        self._counting = Lock()

    @classmethod
    def begun(cls, root: Path, seal: Seal) -> "BackupFolder":
        """Return the folder, made if it is new or empty. Raises BadFolder."""
        folder = cls(root, seal)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (root / "format.json").exists():
            if any(one.name != "lock" for one in root.iterdir()):
                raise BadFolder(f"{root} is neither empty nor a folder of backups.")
            for part in ("chunks", "manifests", "tried"):
                (root / part).mkdir(mode=0o700, exist_ok=True)
            known = {"format": FORMAT, "key_check": seal.check}
            folder._write(root / "format.json", json.dumps(known).encode())
            _sync(root)
        return cls.existing(root, seal)

    @classmethod
    def existing(cls, root: Path, seal: Seal) -> "BackupFolder":
        """Return a folder of backups. Raises BadFolder."""
        try:
            known = json.loads((root / "format.json").read_bytes())
        except (OSError, ValueError):
            raise BadFolder(f"{root} is no folder of backups.") from None
        if known.get("format") != FORMAT:
            raise BadFolder(
                f"{root} has the format {known.get('format')}, not {FORMAT}."
            )
        if known.get("key_check") != seal.check:
            needs = "another key" if seal.check else "its key file"
            without = "no key" if not known.get("key_check") else needs
            raise BadFolder(f"The backups in {root} are to be opened with {without}.")
        return cls(root, seal)

    def put(self, content: bytes) -> str:
        """Store a content, unless it is there; return its name."""
        name = self.seal.name_of(hashlib.sha256(content).digest())
        path = self._path(name)
        if not path.exists():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            closed = self.seal.close(name, _packed(content))
            self._write(path, closed)
            with self._counting:
                self.written_bytes += len(closed)
                self.written_count += 1
        return name

    def get(self, name: str) -> bytes:
        """Return a content, proved by its digest. Raises Damaged."""
        try:
            closed = self._path(name).read_bytes()
        except OSError as error:
            raise Damaged(f"{name} cannot be read: {error.strerror}.") from None
        content = _unpacked(name, self.seal.open(name, closed))
        if self.seal.name_of(hashlib.sha256(content).digest()) != name:
            raise Damaged(f"{name} does not hold what it is named after.")
        return content

    def has(self, name: str) -> bool:
        return self._path(name).exists()

    def names(self) -> Iterator[tuple[str, Path]]:
        """Yield every chunk there is, with its path."""
        for path in (self.root / "chunks").glob("??/*"):
            if not path.name.startswith("."):
                yield path.name, path

    def drafts(self) -> Iterator[Path]:
        """Yield what killed writers left half-written."""
        for part in ("chunks/??", "manifests", "tried", "."):
            yield from self.root.glob(f"{part}/.*")

    def settle(self) -> None:
        """Let the names of all chunks survive a power cut, those of killed ones too."""
        for folder in sorted((self.root / "chunks").glob("??")):
            _sync(folder)
        _sync(self.root / "chunks")

    def keep_manifest(self, name: str, manifest: dict[str, Any]) -> None:
        """Name the backup: from now on it is one. All its chunks are there."""
        self.settle()
        text = json.dumps(manifest, indent=1).encode()
        closed = self.seal.close(name, _packed(text))
        self._write(self.root / "manifests" / f"{name}.json", closed)
        self.written_bytes += len(closed)
        _sync(self.root / "manifests")

    def manifest(self, name: str) -> dict[str, Any]:
        """Return a backup's manifest. Raises Damaged."""
        try:
            closed = (self.root / "manifests" / f"{name}.json").read_bytes()
            text = _unpacked(name, self.seal.open(name, closed))
            manifest: dict[str, Any] = json.loads(text)
        except (OSError, ValueError) as error:
            raise Damaged(f"The manifest {name} cannot be read: {error}.") from None
        if manifest.get("name") != name:
            raise Damaged(f"The manifest {name} is that of another backup.")
        return manifest

    def backups(self) -> list[str]:
        """Return the names of the backups, oldest first."""
        found = (self.root / "manifests").glob("*.json")
        return sorted(path.stem for path in found if not path.name.startswith("."))

    def remove_manifest(self, name: str) -> None:
        (self.root / "manifests" / f"{name}.json").unlink(missing_ok=True)
        _sync(self.root / "manifests")

    def note_trial(self, backup: str, at: str) -> None:
        """Leave word that a restore was tried, where the folder can be written."""
        with suppress(OSError):
            path = self.root / "tried" / f"{backup}-{uuid.uuid4().hex[:8]}.json"
            self._write(path, json.dumps({"backup": backup, "at": at}).encode())

    def last_trial(self) -> str | None:
        """Return when a restore was last tried, in ISO 8601."""
        found = []
        for path in (self.root / "tried").glob("*.json"):
            with suppress(OSError, ValueError, KeyError):
                found.append(json.loads(path.read_bytes())["at"])
        return max(found, default=None)

    @contextmanager
    def held(self, *, alone: bool = False) -> Iterator[None]:
        """Hold it: with others who read and add, or alone. Raises FolderBusy."""
        try:
            file = (self.root / "lock").open("a")
        except OSError:
            if alone:
                raise
            yield  # it can be read only: nobody removes anything there
            return
        mode = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        with file:
            try:
                fcntl.flock(file, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                text = f"Another backup, restore or removal is at {self.root}."
                raise FolderBusy(text) from None
            yield

    def _path(self, name: str) -> Path:
        return self.root / "chunks" / name[:2] / name

    def _write(self, path: Path, data: bytes) -> None:
        draft = path.with_name(f".{uuid.uuid4().hex}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)


def _packed(content: bytes) -> bytes:
    """Return the content with its mark, compressed if its first part shrinks."""
    probe = content[:_PROBE_BYTES]
    if len(zlib.compress(probe, _LEVEL)) < _WORTH * len(probe):
        return _DEFLATED + zlib.compress(content, _LEVEL)
    return _RAW + content


def _unpacked(name: str, data: bytes) -> bytes:
    if data[:1] == _RAW:
        return data[1:]
    try:
        if data[:1] == _DEFLATED:
            return zlib.decompress(data[1:])
    except zlib.error:
        pass
    raise Damaged(f"{name} is no whole chunk.")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
