"""The model servers' own output, one capped file per deployment.

Targets write, serializers read. A line starts with its time in UTC, unless a
native library wrote it.
"""

import contextlib
import datetime as dt
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

MAX_BYTES = 1 << 20
MAX_LINES, MAX_LINE = 1000, 4096
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line and its time; a line without one has that of the line before it."""

    at: dt.datetime | None
    text: str


def path_of(deployment_id: str, data_dir: Path | None = None) -> Path:
    folder = data_dir if data_dir is not None else Path(settings.DATA_DIR)
    return folder / "run" / "logs" / f"{deployment_id}.log"


def tail(
    deployment_id: str, lines: int = 200, since: dt.datetime | None = None
) -> list[Line]:
    """Return the newest lines, oldest first; with `since`, only those after it."""
    return tail_of(path_of(str(deployment_id)), lines, since)


def tail_of(path: Path, lines: int, since: dt.datetime | None = None) -> list[Line]:
    found = list(_read(path.with_suffix(".log.1"))) + list(_read(path))
    if since is not None:
        found = [line for line in found if line.at is not None and line.at > since]
    return found[-min(lines, MAX_LINES) :] if lines > 0 else []


def append(path: Path, text: str) -> None:
    """Add one line of the supervisor's own, with the time; none to a full disk."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    with contextlib.suppress(OSError):
        descriptor = open_for_append(path)
        try:
            os.write(descriptor, f"{stamp}Z INFO {text}\n".encode())
        finally:
            os.close(descriptor)


def open_for_append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def cap(path: Path) -> None:
    """Keep the file below its limit: copy it to `.1` and empty it.

    Writers have it open for appending, so they go on at its new start; what they
    write between copy and truncation is lost. On a full disk the older copy goes,
    which leaves room for the new one the next time.
    """
    if not path.exists() or path.stat().st_size <= MAX_BYTES:
        return
    kept, part = path.with_suffix(".log.1"), path.with_suffix(".log.part")
    try:
        part.touch(mode=0o600)
        part.write_bytes(path.read_bytes()[-MAX_BYTES:])
        part.replace(kept)
        os.truncate(path, 0)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
            kept.unlink(missing_ok=True)


def _read(path: Path) -> Iterator[Line]:
    if not path.exists():
        return
    at = None
    text = path.read_bytes().decode("utf-8", "replace")
    for raw in text.split("\n"):
        line = _CONTROL.sub("", raw)[:MAX_LINE].rstrip()
        if stamp := _STAMP.match(line):
            at = dt.datetime.fromisoformat(stamp[1]).replace(tzinfo=dt.UTC)
        if line:
            yield Line(at, line)
