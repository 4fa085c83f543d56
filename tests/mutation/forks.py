"""Forks of a process that find all as it was, and leave nothing behind."""

import contextlib
import ctypes
import os
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class Folder:
    """The folder of the tests, with their database, which forks find as it was."""

    def __init__(self, folder: str | None) -> None:
        self._folder = Path(folder) if folder else None
        self._fresh = Path(f"{folder}.fresh")

    def keep(self) -> None:
        if self._folder is not None:
            shutil.copytree(self._folder, self._fresh)

    def restore(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            shutil.copytree(self._fresh, self._folder, dirs_exist_ok=True)


def alone(act: Callable[[], None], log: Path) -> None:
    """Run `act` and end this process, without a word to the terminal."""
    os.setsid()
    silence = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor in (0, 1, 2):
        os.dup2(silence, descriptor)
    try:
        act()
    except BaseException:  # noqa: BLE001 - a mutant may raise what it likes
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def end_children() -> None:
    """End what a fork has left: its children have become ours."""
    while children := psutil.Process().children(recursive=True):
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def adopt() -> None:
    """Let what our children leave behind become our children (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
