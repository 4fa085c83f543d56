"""Which backups stay, and the removal of the others with what they alone name.

`7d,4w` keeps the newest backup of each of the last seven days and four weeks in which
there is one, and always the newest of all.
"""

import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mlops.backup.files import stored_files
from mlops.backup.folder import BackupFolder
from mlops.backup.manifest import BackupManifest

YOUNG_S: Final = 86_400.0
"""Chunks that nothing names stay for a day: a killed backup may go on with them."""
_RULE = re.compile(r"([1-9][0-9]{0,3})([hdwmy])")
_PERIODS: Final[dict[str, Callable[[datetime], object]]] = {
    "h": lambda at: (at.date(), at.hour),
    "d": lambda at: at.date(),
    "w": lambda at: at.isocalendar()[:2],
    "m": lambda at: (at.year, at.month),
    "y": lambda at: at.year,
}


class BadRule(ValueError):
    """A rule that says nothing of what to keep."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What a removal took away."""

    backups: tuple[str, ...]
    chunks: int
    size_bytes: int


def rules_of(text: str) -> list[tuple[int, str]]:
    """Return the rules of a text such as `7d,4w`. Raises BadRule."""
    found = [_RULE.fullmatch(word.strip()) for word in text.split(",")]
    if not all(found):
        raise BadRule(f"{text!r} is no rule; write such as 7d,4w (h, d, w, m, y).")
    return [(int(one[1]), one[2]) for one in found if one]


def kept(
    backups: Iterable[tuple[str, datetime]], rules: list[tuple[int, str]]
) -> set[str]:
    """Return the names that stay, of backups and when each began."""
    newest_first = sorted(backups, key=lambda one: one[1], reverse=True)
    stay = {name for name, _ in newest_first[:1]}
    for count, letter in rules:
        period_of, periods = _PERIODS[letter], dict[object, str]()
        for name, at in newest_first:
            if len(periods) == count:
                break
            periods.setdefault(period_of(at), name)
        stay.update(periods.values())
    return stay


def remove_others(
    folder: BackupFolder, rules: list[tuple[int, str]], installation: str
) -> Removed:
    """Remove an installation's backups that no rule keeps; the caller's lock is gone.

    Raises FolderBusy while another backup is made or read, and Damaged when a manifest
    that stays cannot be read: then it is not known which chunks it names.
    """
    with folder.held(alone=True):
        manifests = [
            BackupManifest.from_json(folder.manifest(one)) for one in folder.backups()
        ]
        ours = [one for one in manifests if one.installation == installation]
        stay = kept([(one.name, one.began_at) for one in ours], rules)
        doomed = [one.name for one in ours if one.name not in stay]
        named = _named(folder, [one for one in manifests if one.name not in doomed])
        for name in doomed:
            folder.remove_manifest(name)
        chunks, size = _drop(folder, named)
    return Removed(tuple(doomed), chunks, size)


def _named(folder: BackupFolder, manifests: list[BackupManifest]) -> set[str]:
    """Return every chunk that one of the backups needs."""
    found = set[str]()
    for manifest in manifests:
        found.update(manifest.chunks)
        for files in manifest.files.values():
            for one in stored_files(folder, files):
                found.update(one.parts)
    return found


def _drop(folder: BackupFolder, named: set[str]) -> tuple[int, int]:
    latest, count, size = time.time() - YOUNG_S, 0, 0
    for path in [path for name, path in folder.names() if name not in named]:
        with suppress(FileNotFoundError):
            found = path.stat()
            if found.st_mtime < latest:
                path.unlink()
                count, size = count + 1, size + found.st_size
    for draft in folder.drafts():
        with suppress(FileNotFoundError):
            if draft.stat().st_mtime < latest:
                draft.unlink()
    return count, size
