"""What lies in a folder of a run or logged model: rows are asked, never a directory."""

from collections.abc import Iterator
from dataclasses import dataclass

from lifecycle.models import Artifact, LoggedModel, Run


@dataclass(slots=True)
class FolderEntry:
    """A file, or a folder with the number and bytes of all files below it."""

    path: str
    size_bytes: int = 0
    file_count: int = 0
    file: Artifact | None = None

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        return self.file is None


def entries(
    owner: Run | LoggedModel, folder: str, *, only_stored: bool = False
) -> list[FolderEntry]:
    """Return what lies directly in a folder, by path; "" is the owner itself."""
    prefix = f"{folder}/" if folder else ""
    found: dict[str, FolderEntry] = {}
    for file in _below(owner, prefix, only_stored=only_stored):
        name, deeper, _ = file.path[len(prefix) :].partition("/")
        entry = found.setdefault(prefix + name, FolderEntry(prefix + name))
        entry.size_bytes += file.size_bytes
        entry.file_count += 1
        if not deeper:
            entry.file = file
    return [found[path] for path in sorted(found)]


def _below(
    owner: Run | LoggedModel, prefix: str, *, only_stored: bool
) -> Iterator[Artifact]:
    files = owner.artifacts.defer("created_by", "created_at").order_by("path")
    if only_stored:
        files = files.filter(is_stored=True)
    if prefix:
        files = files.filter(path__startswith=prefix)
    # SQLite's LIKE does not mind the case.
    return (file for file in files.iterator() if file.path.startswith(prefix))
