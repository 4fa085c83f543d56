"""Reads files as an upload does, in this process: what the child does without limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from datasets.analytics.ingest import InputFile, Limits, Options
from datasets.analytics.ingest.conversion import Conversion


@dataclass(frozen=True)
class Table:
    """A table that was read: its columns, every cell as text, the report."""

    types: dict[str, str]
    rows: list[tuple[str | None, ...]]
    report: Mapping[str, Any]

    @property
    def cells(self) -> Mapping[str, Any]:
        return self.report["cells"]

    def column(self, place: int = 0) -> list[str | None]:
        return [row[place] for row in self.rows]


def read(
    folder: Path, *bodies: bytes | str, name: str = "a.csv", **options: Any
) -> Table:
    """Convert contents in a new folder below `folder`."""
    place = folder / f"read_{sum(1 for _ in folder.iterdir())}"
    (place / "out").mkdir(parents=True)
    files = []
    for index, body in enumerate(bodies):
        path = place / f"upload_{index}"
        path.write_bytes(body if isinstance(body, bytes) else body.encode())
        files.append(InputFile(path, f"{index}_{name}"))
    found = Conversion(files, place / "out", Options(**options), Limits()).run()
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute("SET TimeZone='UTC'")
        rows = database.execute(
            "SELECT COLUMNS(*)::VARCHAR FROM read_parquet($path)",
            {"path": str(place / "out/data.parquet")},
        ).fetchall()
    return Table({c.name: c.type for c in found.columns}, rows, found.report)
