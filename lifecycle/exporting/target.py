"""The store that is written: a database in SQLite, and files beside it."""

import hashlib
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lifecycle.models import Artifact
from lifecycle.paths import stored_key
from mlops.core.blobs import CHUNK_BYTES
from mlops.core.byte_store import byte_store
from mlops.core.errors import CommandRefused

DATABASE: Final = "mlflow.db"
FILES: Final = "artifacts"
SCHEMA: Final = Path(__file__).with_name("schema.sql")
_PART: Final = "mlflow.db.part"
_BATCH: Final = 5000


class TargetTaken(CommandRefused):
    """There is something where the export should go."""

    code = "target_taken"


class ExportTarget:
    """A folder with `mlflow.db`, which is there once it is whole, and `artifacts/`.

    `refused` names what could not be written, `counts` has the rows by table.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and any(folder.iterdir()):
            raise TargetTaken(f"{folder} is not empty.")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.noted: Counter[str] = Counter()
        self.refused: list[str] = []
        self._shared: set[str] = set()
        self._base = sqlite3.connect(folder / _PART, isolation_level=None)
        self._base.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF")
        self._base.executescript(SCHEMA.read_text(encoding="utf-8"))
        self._base.execute("BEGIN")

    def add(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows, all with the same columns; one that is there is counted."""
        batch: list[Mapping[str, Any]] = []
        for row in rows:
            batch.append(row)
            if len(batch) >= _BATCH:
                self._insert(table, batch)
                batch = []
        if batch:
            self._insert(table, batch)

    def is_new(self, kind: str, key: str) -> bool:
        """Whether something that several rows share was not written yet."""
        mark = f"{kind} {key}"
        is_new = mark not in self._shared
        self._shared.add(mark)
        return is_new

    def copy(self, artifact: Artifact, folder: Sequence[str]) -> None:
        """Copy a file below a folder of `artifacts/`; its bytes are what they were."""
        place = self.folder.joinpath(FILES, *folder, *artifact.path.split("/"))
        digest = hashlib.sha256()
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with (
                byte_store().open(stored_key(artifact.pk)) as file,
                place.open("xb") as to,
            ):
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    to.write(chunk)
        except OSError as error:
            self.refused.append(f"file {'/'.join(folder)}/{artifact.path}: {error}")
            return
        if digest.hexdigest() != artifact.sha256:
            self.refused.append(
                f"file {'/'.join(folder)}/{artifact.path}: its bytes have changed"
            )
        self.counts["files"] += 1

    def finish(self) -> None:
        """Make the database whole and give it its name."""
        self._base.execute("COMMIT")
        self._base.execute("PRAGMA journal_mode = DELETE")
        self._base.close()
        part = self.folder / _PART
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.rename(self.folder / DATABASE)

    def _insert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        names = list(rows[0])
        columns = ", ".join(f'"{name}"' for name in names)
        marks = ", ".join("?" * len(names))
        before = self._base.total_changes
        self._base.executemany(
            f'INSERT OR IGNORE INTO "{table}" ({columns}) VALUES ({marks})',  # noqa: S608 - names of ours
            [[row[name] for name in names] for row in rows],
        )
        written = self._base.total_changes - before
        self.counts[table] += written
        if written < len(rows):
            self.noted[f"rows of {table} that MLflow keeps once"] += len(rows) - written
