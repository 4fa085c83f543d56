"""Takes in what gateways counted: whole minutes, as absolute values.

A gateway replaces the file of a minute while it counts, so the same file is read
many times; each time it says everything, and the rows are set to that. So nothing
is lost or counted twice, whoever is killed in between.
"""

import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from deployments.models import Deployment, Lease, TrafficWindow
from deployments.models.traffic import COUNTS, MINUTE_S

logger = logging.getLogger(__name__)

CLOSED_AFTER_S = 10
MAX_FILES = 200
Stamp = tuple[int, int]


@dataclass(slots=True)
class Spool:
    """A folder of spool files, and which of their states are in the database."""

    folder: Path
    known: dict[str, Stamp] = field(default_factory=dict)

    def ingest(self, lease: Lease, now: float | None = None) -> int:
        """Write what is new, then delete files of minutes that are over.

        Returns how many files were new. The oldest come first, a bounded number at
        a time.
        """
        now = time.time() if now is None else now
        files = sorted(self.folder.glob("*.json"), key=_starts_at)[:MAX_FILES]
        fresh = [
            (path, stamp)
            for path, stamp in _stamped(files)
            if self._is_new(path, stamp)
        ]
        read = {path: _rows(path) for path, _ in fresh}
        rows = _of_known_deployments([row for rows in read.values() for row in rows])
        if rows:
            with lease.held():
                TrafficWindow.objects.set_minutes(rows)
        self.known.update({path.name: stamp for path, stamp in fresh})
        self._delete_closed(files, now)
        return len(fresh)

    def _is_new(self, path: Path, stamp: Stamp) -> bool:
        return self.known.get(path.name) != stamp

    def _delete_closed(self, files: list[Path], now: float) -> None:
        """Delete what is over, unless it was written again since it was read."""
        for path, stamp in _stamped(files):
            is_over = _starts_at(path) + MINUTE_S + CLOSED_AFTER_S < now
            if is_over and self.known.get(path.name) == stamp:
                path.unlink(missing_ok=True)
                del self.known[path.name]
        names = {path.name for path in files}
        if len(files) < MAX_FILES:
            self.known = {
                name: kept for name, kept in self.known.items() if name in names
            }


def _stamped(files: list[Path]) -> Iterator[tuple[Path, Stamp]]:
    for path in files:
        try:
            about = path.stat()
        except FileNotFoundError:
            continue
        yield path, (about.st_mtime_ns, about.st_ino)


def _starts_at(path: Path) -> int:
    minute = path.stem.rpartition("-")[2]
    return int(minute) if minute.isascii() and minute.isdigit() else 0


def _rows(path: Path) -> list[TrafficWindow]:
    """Return a file's rows; a file that makes no sense is reported and counts 0."""
    try:
        content = orjson.loads(path.read_bytes())
        return [_row(content, *item) for item in content["deployments"].items()]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        logger.exception("The spool file %s makes no sense; it is passed over", path)
        return []


def _row(
    content: dict[str, Any], deployment: str, counted: dict[str, Any]
) -> TrafficWindow:
    return TrafficWindow(
        deployment_id=uuid.UUID(deployment),
        starts_at=datetime.fromtimestamp(int(content["starts_at"]), UTC),
        seconds=int(content["seconds"]),
        gateway=str(content["gateway"])[:32],
        **{name: int(counted.get(name, 0)) for name in COUNTS},
        sum_ms=float(counted["sum_ms"]),
        max_ms=float(counted["max_ms"]),
        histogram=dict(counted["histogram"]),
        correction=dict(counted.get("correction", {})),
    )


def _of_known_deployments(rows: list[TrafficWindow]) -> list[TrafficWindow]:
    """Drop rows of deployments that the database does not have."""
    ids = {row.deployment_id for row in rows}
    known = set(Deployment.objects.filter(pk__in=ids).values_list("pk", flat=True))
    return [row for row in rows if row.deployment_id in known]
