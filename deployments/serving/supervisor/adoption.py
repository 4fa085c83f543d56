"""Adoption of an earlier supervisor's processes, by pid and start time."""

import logging
from collections.abc import Collection
from pathlib import Path
from signal import SIGKILL
from typing import Any

import orjson

from deployments.serving.processes import discard, is_alive, send_signal
from deployments.serving.supervisor.folders import Folders
from deployments.serving.supervisor.instance import Instance, State

logger = logging.getLogger(__name__)


def owner(path: Path) -> str:
    """Return the id of the supervisor that owns the folder."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def take(path: Path, supervisor_id: str) -> None:
    """Own the folder. Raises OSError; then it is still another's."""
    part = path.with_name(f".supervisor.{supervisor_id}")
    try:
        part.touch(mode=0o600)
        part.write_text(supervisor_id)
        part.replace(path)
    except OSError:
        discard(part)
        raise


def survivors(folders: Folders, now: float) -> list[Instance]:
    """Return what still serves; what is left of the dead is removed."""
    found = strays(folders, frozenset(), now)
    _sweep(folders, found)
    return found


def strays(folders: Folders, known: Collection[str], now: float) -> list[Instance]:
    """Return what serves and is not known; what is left of the dead is removed.

    A supervisor that was just relieved may still have had one begun, of which there
    was nothing to be seen yet. A throw-away process without a socket has nobody to
    report to, and is killed.
    """
    found = []
    for record in _records(folders, known):
        alive = is_alive(record["pid"], record["start_time"])
        if alive and "socket" in record:
            found.append(_instance(record, now))
            continue
        _end(folders, record)
        if "socket" in record:
            discard(Path(record["socket"]))
    return found


def end(folders: Folders, ids: Collection[str]) -> None:
    """Kill throw-away processes that were begun though nobody waits any more."""
    for record in _records(folders):
        if record["id"] in ids:
            _end(folders, record)


def _end(folders: Folders, record: dict[str, Any]) -> None:
    send_signal(record["pid"], record["start_time"], SIGKILL)
    discard(folders.record(record["id"]))
    folders.clear_sandbox_dir(record["id"])


def deployments(folders: Folders) -> list[str]:
    """Return the deployments that have a process running."""
    return sorted(
        {
            record["deployment_id"]
            for record in _records(folders)
            if is_alive(record["pid"], record["start_time"])
        }
    )


def _records(
    folders: Folders, known: Collection[str] = frozenset()
) -> list[dict[str, Any]]:
    """Return what the files of instances say, of those whose id is not known."""
    found = []
    for path in sorted(folders.instances.glob("*.json")):
        if path.stem in known:
            continue
        try:
            found.append(orjson.loads(path.read_bytes()))
        except (FileNotFoundError, orjson.JSONDecodeError):
            logger.warning("skipped the instance file %s", path.name)
    return found


def _instance(record: dict[str, Any], now: float) -> Instance:
    return Instance(
        record["id"],
        record["deployment_id"],
        Path(record["socket"]),
        now,
        record["version"],
        state=State.READY,
        pid=record["pid"],
        born=record["start_time"],
        is_inherited=True,
    )


def _sweep(folders: Folders, alive: Collection[Instance]) -> None:
    """Remove what belongs to processes that are no more: sockets, half files."""
    in_use = {each.socket_path for each in alive}
    for part in folders.conversions.glob("*.part"):
        discard(part)
    for path in folders.sockets.glob("i-*.sock"):
        if path not in in_use:
            discard(path)
