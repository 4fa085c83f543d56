"""What a backup is: which chunks it is made of, and of which instant they are."""

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

FORMAT = 1


@dataclass(slots=True)
class Table:
    """A table's rows: its columns' attributes, and chunks in the order of keys."""

    columns: list[str]
    rows: int = 0
    chunks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class CopiedFiles:
    """Files below a prefix; chunks hold `[key, size, sha256, [chunk, …]]` of each."""

    count: int = 0
    size_bytes: int = 0
    chunks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class BackupManifest:
    """One backup. `at` is a moment within which its instant lies, before its end.

    `sequences` are the last numbers given out, by table; `keys` name what is not in
    it and what it needs; `damage` are sentences about what was not as rows say.
    """

    name: str
    at: str
    version: str
    installation: str
    database: str
    migrations: list[list[str]]
    format: int = FORMAT
    tables: dict[str, Table] = field(default_factory=dict)
    files: dict[str, CopiedFiles] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    ended_at: str = ""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the manifest that was stored so."""
        tables = {name: Table(**one) for name, one in value["tables"].items()}
        files = {prefix: CopiedFiles(**one) for prefix, one in value["files"].items()}
        return cls(**{**value, "tables": tables, "files": files})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def chunks(self) -> list[str]:
        """The chunks that it names itself; those of files name more."""
        tables = [name for one in self.tables.values() for name in one.chunks]
        return tables + [name for one in self.files.values() for name in one.chunks]

    @property
    def began_at(self) -> datetime:
        return datetime.fromisoformat(self.at)


def new_name(now: datetime) -> str:
    """Return a name that sorts by time and is nobody else's."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}"
