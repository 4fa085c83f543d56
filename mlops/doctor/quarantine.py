"""A folder that files are moved into instead of being deleted, with the way back."""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mlops.doctor.findings import Ailment, Mending, Symptom

FOLDER: Final = "quarantine"
_INDEX: Final = "index.jsonl"


def _nothing() -> str:
    return ""


class QuarantineFolder:
    """Where files of one run of the doctor go, below the data folder."""

    def __init__(self, data_folder: Path) -> None:
        self._data = data_folder
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
        self.folder = data_folder / FOLDER / name

    def stray(
        self, path: str, what: str, why_not: Callable[[], str] = _nothing
    ) -> Symptom:
        """Return what is wrong with a path that no row names, and its mending."""
        mending = self.mending(path, why_not)
        return Symptom(Ailment.FILE_WITHOUT_ROW, path, what, mending=mending)

    def mending(self, path: str, why_not: Callable[[], str] = _nothing) -> Mending:
        """Return the act that moves a path away, unless `why_not` then says why not."""

        def act() -> str:
            return "" if why_not() else self.move(path)

        return Mending(f"move {path} to {self.folder}", act)

    def move(self, path: str) -> str:
        """Move a file, or a folder, away; return what was done, "" if it is gone."""
        source, target = self._data / path, self.folder / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The way back is written first: a kill between leaves a line too many.
        with (self.folder / _INDEX).open("a") as index:
            index.write(json.dumps({"path": path}) + "\n")
            index.flush()
            os.fsync(index.fileno())
        try:
            source.rename(target)
        except FileNotFoundError:
            return ""
        return f"moved {path} to {self.folder}"


def put_back(data_folder: Path, folder: Path) -> list[str]:
    """Put everything of a quarantine back that nothing has taken the place of.

    Returns what was done. Raises FileNotFoundError for what is no quarantine.
    """
    done = []
    for line in (folder / _INDEX).read_text().splitlines():
        path = json.loads(line)["path"]
        source, target = folder / path, data_folder / path
        if not source.exists():
            continue
        if target.exists():
            done.append(f"left {path}: there is another one")
            continue
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        source.rename(target)
        done.append(f"put {path} back")
    return done
