"""The model servers' own output, one capped file per deployment.

A line starts with its time in UTC, or is a JSON object that does (`mlops.logs`), unless
a native library wrote it. Both are read as the same words.
"""

import contextlib
import datetime as dt
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlops.logs import is_json

MAX_BYTES = 1 << 20
MAX_COPY_BYTES = 4 << 20
MAX_LINES, MAX_LINE = 1000, 4096
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z ")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line and its time; a line without one has that of the line before it."""

    at: dt.datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Position:
    """Read position: bytes into the file since its last rotation, a copy.

    `copied_at` is the time of that copy in nanoseconds, 0 if there is none: another
    one tells that the file was emptied meanwhile.
    """

    copied_at: int
    offset: int


def tail_of(path: Path, lines: int, since: dt.datetime | None = None) -> list[LogLine]:
    found = list(_read(path.with_suffix(".log.1"))) + list(_read(path))
    if since is not None:
        found = [line for line in found if line.at is not None and line.at > since]
    return found[-min(lines, MAX_LINES) :] if lines > 0 else []


def end_of(path: Path) -> Position:
    """Return the position behind everything that was written so far."""
    return Position(_copied_at(path), path.stat().st_size if path.exists() else 0)


def read_on(path: Path, position: Position) -> list[tuple[LogLine, Position]]:
    """Return the whole lines behind a position, each with the position behind it.

    What was there when the file was emptied is read in its copy. Of very many lines
    only the newest are returned.
    """
    copied_at, found = _copied_at(path), []
    if copied_at != position.copied_at:
        for line, end in _lines(path.with_suffix(".log.1"), position.offset):
            found.append((line, Position(position.copied_at, end)))
        position = Position(copied_at, 0)
    for line, end in _lines(path, position.offset):
        found.append((line, Position(copied_at, end)))
    return found[-MAX_LINES:]


def append(path: Path, text: str) -> None:
    """Add one line of the supervisor's own, with the time; none to a full disk."""
    stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    with contextlib.suppress(OSError):
        descriptor = open_for_append(path)
        try:
            os.write(descriptor, _own_line(f"{stamp}Z", text).encode())
        finally:
            os.close(descriptor)


def _own_line(stamp: str, text: str) -> str:
    if not is_json():
        return f"{stamp} INFO {text}\n"
    line = {"time": stamp, "level": "INFO", "logger": __name__, "message": text}
    return json.dumps(line) + "\n"


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
        part.write_bytes(path.read_bytes()[-MAX_COPY_BYTES:])
        part.replace(kept)
        os.truncate(path, 0)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
            kept.unlink(missing_ok=True)


def _read(path: Path) -> Iterator[LogLine]:
    """Yield all lines of a file, the last one also when it is not whole yet."""
    if not path.exists():
        return
    at = None
    for raw in path.read_bytes().split(b"\n"):
        line = _line(raw, at)
        at = line.at
        if line.text:
            yield line


def _lines(path: Path, offset: int) -> Iterator[tuple[LogLine, int]]:
    """Yield the whole lines behind an offset, and where each of them ends."""
    try:
        with path.open("rb") as file:
            # A file that is shorter now was emptied just now.
            file.seek(offset if offset <= file.seek(0, os.SEEK_END) else 0)
            end, content = file.tell(), file.read()
    except FileNotFoundError:
        return
    at = None
    for raw in content.split(b"\n")[:-1]:
        end += len(raw) + 1
        line = _line(raw, at)
        at = line.at
        if line.text:
            yield line, end


def _line(raw: bytes, before: dt.datetime | None) -> LogLine:
    """Return a line for people; without a time of its own it has the one before."""
    words = _words(raw.decode("utf-8", "replace"))
    text = _CONTROL.sub("", words)[:MAX_LINE].rstrip()
    if stamp := _STAMP.match(text):
        before = dt.datetime.fromisoformat(stamp[1]).replace(tzinfo=dt.UTC)
    return LogLine(before, text)


def _words(text: str) -> str:
    """Return a line of `mlops.logs.JsonFormatter` as the other formatter writes it."""
    if not text.startswith('{"time": "'):
        return text
    try:
        line = json.loads(text)
        words = f"{line['time']} {line['level']} {line['message']}"
    except (ValueError, KeyError):
        return text
    return f"{words} {line['exception']}" if "exception" in line else words


def _copied_at(path: Path) -> int:
    try:
        return path.with_suffix(".log.1").stat().st_mtime_ns
    except FileNotFoundError:
        return 0
