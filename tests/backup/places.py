"""Stores to take backups of, and acts at a chosen moment of one."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from lifecycle import artifacts
from lifecycle.models import Experiment, Run
from lifecycle.models.metric import NewPoint
from mlops.backup.files import stored_files
from mlops.backup.folder import BackupFolder
from mlops.backup.manifest import BackupManifest, Table
from mlops.backup.progress import TerminalProgress
from mlops.backup.seal import NoSeal

KEPT = ("PATH", "HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class ActingProgress(TerminalProgress):
    """Says nothing, and does something when a part of the backup begins."""

    def __init__(self, **acts: Callable[[], object]) -> None:
        super().__init__(None)
        self._acts = acts

    def begin(self, what: str, total: int) -> None:
        self._acts.pop(what.split(maxsplit=1)[0], lambda: None)()


QUIET = TerminalProgress(None)


def a_run(name: str, *, by, content: bytes = b"", points: int = 1) -> Run:
    experiment = Experiment.objects.filter(name="backed up").first()
    run = Run.start(experiment or Experiment.create("backed up", by=by), by=by)
    run.log(metrics=[NewPoint("loss", 1 / (step + 1), step) for step in range(points)])
    artifacts.save(run, "model.onnx", [content or name.encode()], by=by)
    return run


@dataclass
class Installation:
    """An installation in a folder of its own, reached by its commands alone."""

    folder: Path
    url: str = ""

    def run(self, *words: object, fails: bool = False, **more: str) -> str:
        """Run a command of it; return what it says. It must succeed, or must fail."""
        ended = subprocess.run(
            [sys.executable, "manage.py", *map(str, words)],
            cwd=settings.BASE_DIR,
            env=self.environment | more,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert bool(ended.returncode) == fails, ended.stdout
        return ended.stdout

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name in KEPT}
        own |= {"MLOPS_DATA_DIR": str(self.folder), "MLOPS_SECRET_KEY": "other" * 20}
        return own | ({"DATABASE_URL": self.url} if self.url else {})

    def contents(self) -> dict[str, list[str]]:
        """Return its rows by table and its files, through a backup of it."""
        target = self.folder.with_name(f"{self.folder.name}-{uuid.uuid4().hex[:6]}")
        self.run("backup", target)
        folder = BackupFolder.existing(target, NoSeal())
        return contents_of(folder, folder.backups()[-1])


def contents_of(folder: BackupFolder, name: str) -> dict[str, list[str]]:
    """Return the rows of a backup by table, sorted, and its files by prefix."""
    manifest = BackupManifest.from_json(folder.manifest(name))
    found = {label: rows_in(folder, one) for label, one in manifest.tables.items()}
    for prefix, files in manifest.files.items():
        found[prefix] = [
            f"{one.key} {one.size_bytes} {one.sha256}"
            for one in stored_files(folder, files)
        ]
    return found


def rows_in(folder: BackupFolder, table: Table) -> list[str]:
    found = []
    for name in table.chunks:
        for row in zip(*json.loads(folder.get(name)), strict=True):
            cells = dict(zip(table.columns, row, strict=True))
            found.append(json.dumps(cells, sort_keys=True))
    return sorted(found)
