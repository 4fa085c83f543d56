"""A small file system of its own, to be filled, freed and write-protected."""

import contextlib
import os
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

SIZE_MB = 24
PAGE = 4096
TOP_UP_S = 0.002


class SmallDisk:
    """A mounted tmpfs; `skip` says why where this machine lets nobody mount one."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sd-"))
        self._ballast = self.path / "ballast"
        self._stopping = threading.Event()
        self._filler: threading.Thread | None = None
        self._mounts = 0
        self._mount("-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0700", "tmpfs")

    @property
    def is_full(self) -> bool:
        return self._filler is not None

    def fill(self) -> None:
        """Take every byte, also those that others free, until `free`."""
        if self.is_full:
            return
        self._stopping.clear()
        self._top_up()
        self._filler = threading.Thread(target=self._keep_full, daemon=True)
        self._filler.start()

    def leave(self, pages: int) -> None:
        """Take every byte but so many pages of 4 KiB, once."""
        self._top_up()
        os.truncate(self._ballast, self._ballast.stat().st_size - pages * PAGE)

    def free(self) -> None:
        if self._filler is not None:
            self._stopping.set()
            self._filler.join()
            self._filler = None
        self._ballast.unlink(missing_ok=True)

    def protect(self) -> None:
        """Let nothing be written by its path; what is open for writing stays so."""
        self._mount("--bind", str(self.path))
        self._run("mount", "-o", "remount,ro,bind", str(self.path))

    def release(self) -> None:
        self._unmount()

    def close(self) -> None:
        if self._mounts > 0:
            self.free() if self._mounts == 1 else self._unmount()
        while self._mounts:
            self._unmount()
        self.path.rmdir()

    def _keep_full(self) -> None:
        while not self._stopping.wait(TOP_UP_S):
            self._top_up()

    def _top_up(self) -> None:
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        with contextlib.suppress(OSError):
            while True:
                os.write(descriptor, bytes(PAGE))
        os.close(descriptor)

    def _mount(self, *options: str) -> None:
        done = self._run("mount", *options, str(self.path))
        if done.returncode:
            self.path.rmdir()
            pytest.skip(f"no small disk can be had here: {done.stderr.strip()}")
        self._mounts += 1

    def _unmount(self) -> None:
        self._run("umount", "--lazy", str(self.path))
        self._mounts -= 1

    def _run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(command, capture_output=True, text=True, check=False)
