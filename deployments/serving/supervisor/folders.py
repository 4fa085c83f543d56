"""Paths of the local target's files, below the data folder."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection
from pathlib import Path

from mlops.core.blobs import ByteStore, FolderStore

MAX_SOCKET_PATH = 107  # sun_path holds 108 bytes with its end


class Folders:
    """The run folder, into which only this user may look, and the byte store."""

    def __init__(self, data_dir: Path, store: ByteStore | None = None) -> None:
        self.store = store or FolderStore(data_dir)
        self.run = data_dir / "run"
        self.instances = self.run / "instances"
        self.routes = self.run / "routes"
        self.backends = self.run / "backends"
        self.logs = self.run / "logs"
        self.gateways = self.run / "gateways"
        self.conversions = data_dir / "conversions"
        for folder in (
            self.run,
            self.instances,
            self.routes,
            self.backends,
            self.logs,
            self.gateways,
            self.conversions,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.empty = self.run / "empty"
        self.empty.mkdir(mode=0o500, exist_ok=True)
        self.sockets = _socket_folder(self.run)
        self._sandbox_dirs = _outside(self.run, "-rooms")

    def forget_sockets(self) -> None:
        """Remove the folder outside the data folder once nothing is in it."""
        if self.sockets != self.run:
            with contextlib.suppress(OSError):
                self.sockets.rmdir()

    def sandbox_dir(self, process_id: str) -> Path:
        """Return the folder of one process that runs a model's code.

        It lies outside the data folder, into which that process may not look.
        """
        return self._sandbox_dirs / process_id

    def clear_sandbox_dir(self, process_id: str) -> None:
        """Remove it, if there is one, with the folder around it if that is empty."""
        shutil.rmtree(self.sandbox_dir(process_id), ignore_errors=True)
        with contextlib.suppress(OSError):
            self._sandbox_dirs.rmdir()

    def clear_sandbox_dirs(self, known: Collection[str]) -> None:
        """Remove those of processes that neither are known nor have a record."""
        for one in self._sandbox_dirs.glob("*"):
            if one.name not in known and not self.record(one.name).exists():
                self.clear_sandbox_dir(one.name)

    def socket(self, instance_id: str) -> Path:
        return self.sockets / f"i-{instance_id}.sock"

    def record(self, instance_id: str) -> Path:
        return self.instances / f"{instance_id}.json"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def backend(self, deployment_id: str) -> Path:
        return self.backends / f"{deployment_id}.json"


def _socket_folder(run: Path) -> Path:
    """Return a folder whose sockets' paths fit; it belongs to this user alone."""
    longest = len(os.fsencode(run)) + len("/i-.sock") + 32
    if longest <= MAX_SOCKET_PATH:
        return run
    folder = _outside(run)
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o77 or folder.is_symlink():
        raise PermissionError(f"{folder} belongs to somebody else or is open to them.")
    return folder


def _outside(run: Path, ending: str = "") -> Path:
    """Return a path for temporary files that belongs to this run folder alone."""
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"mlops-{os.getuid()}-{digest}{ending}"
