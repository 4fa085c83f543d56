"""Context shared by the readers of all formats: limits, cursor, progress, COPY."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from datasets.analytics.engine import Cursor
from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.model import Limits, Options, Progress
from datasets.analytics.sql import quote_literal

# DuckDB reads a column's part of a row group whole and unpacks the pages around the
# rows it wants: rows that lie far apart cost a row group and a page of 4,096 doubles
# each. Long tables get longer row groups, because their footer is read whole too.
ROW_GROUP_ROWS = 20_480
_LONGEST_ROW_GROUP = 122_880
_ROW_GROUPS = 512
PAGE_BYTES = 32 << 10
_ROW_GROUP_CELLS = 12_288_000
_VECTOR_ROWS = 2_048
_REPORT_EVERY_S = 0.3
# A file is gone through more than once. How far the work is when a stage begins, and
# its part of the whole, as CSV takes it: progress must not run back.
_STAGES = {"reading": (0.0, 0.1), "converting": (0.1, 0.6), "describing": (0.7, 0.3)}
PROGRESS_FILE = "progress.json"


@dataclass(slots=True)
class Rejected:
    """Rows that are not part of the table, and why; some of them in full."""

    count: int = 0
    exact: bool = True
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Read:
    """A reader's report of the table that it wrote."""

    names: list[str]
    originals: list[str]
    rejected: Rejected = field(default_factory=Rejected)
    notes: list[str] = field(default_factory=list)
    dialect: dict[str, Any] = field(default_factory=dict)
    cells: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    appended: dict[str, Any] | None = None

    def report(self) -> dict[str, Any]:
        renamed = [
            {"name": name, "original_name": original}
            for name, original in zip(self.names, self.originals, strict=True)
            if name != original
        ]
        return {
            "rejected": asdict(self.rejected),
            "renamed": renamed,
            "notes": self.notes,
            "dialect": self.dialect,
            "cells": self.cells,
            "files": self.files,
            **({"appended": self.appended} if self.appended else {}),
        }


class Context:
    """One conversion: its folder, its limits, its progress."""

    def __init__(
        self, folder: Path, options: Options, limits: Limits, cursor: Cursor
    ) -> None:
        self.folder = folder
        self.options = options
        self.limits = limits
        self.cursor = cursor
        self.temporary = folder / "tmp"
        self.temporary.mkdir(mode=0o700, exist_ok=True)
        self.stage = "reading"
        self.total_bytes = 0
        self.bytes_read = 0
        self.expected_rows = 0
        self.share_done = 0.0
        # Whether only the beginning of a file is read.
        self.is_cut = False

    def copy(self, selects: Sequence[str], *, columns: int) -> None:
        """Write the rows of one SELECT after the other to data.parquet, in their order.

        Each is written alone first: of a UNION ALL over CSV the threads write the
        end of one file behind the beginning of the next.
        """
        rows = row_group_rows(self.expected_rows, columns)
        target = self.folder / "data.parquet"
        self.stage = "converting"
        if len(selects) == 1:
            self._write(selects[0], target, rows)
            return
        parts = []
        for index, select in enumerate(selects):
            part = self.temporary / f"part_{index:d}.parquet"
            self._write(select, part, rows)
            parts.append(part)
        self._write(f"FROM read_parquet({path_list(parts)})", target, rows)
        for part in parts:
            part.unlink()

    def _write(self, select: str, target: Path, row_group_rows: int) -> None:
        self.cursor.rows(
            f"COPY ({select}) TO {quote_literal(str(target))}"
            f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL -1,"
            f" ROW_GROUP_SIZE {row_group_rows:d},"
            f" DATA_PAGE_SIZE_LIMIT {PAGE_BYTES:d})",
            {},
        )

    def check_columns(self, count: int) -> None:
        if count > self.limits.columns:
            raise IngestRefused(
                "too_many_columns",
                f"The file has {count} columns; at most {self.limits.columns}"
                " are allowed.",
            )

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Keep progress.json fresh while the block runs."""
        done = threading.Event()
        reporter = threading.Thread(target=self._report, args=(done,), daemon=True)
        reporter.start()
        try:
            yield
        finally:
            done.set()
            reporter.join()

    def _report(self, done: threading.Event) -> None:
        part = self.folder / f"{PROGRESS_FILE}.part"
        while not done.wait(_REPORT_EVERY_S):
            part.write_bytes(orjson.dumps(asdict(self.progress())))
            part.rename(self.folder / PROGRESS_FILE)

    def progress(self) -> Progress:
        """Return how far the work is, as it is reported."""
        begin, part = _STAGES[self.stage]
        match self.stage:
            case "reading":
                share = min(self.bytes_read / max(self.total_bytes, 1), 1.0)
                rows = 0
            case "converting":
                share = self.cursor.progress()
                rows = int(share * self.expected_rows)
            case _:
                share, rows = 0.0, self.expected_rows
        self.share_done = max(self.share_done, begin + part * share)
        done = int(self.share_done * self.total_bytes)
        return Progress(self.stage, done, self.total_bytes, rows)


def row_group_rows(rows: int, columns: int) -> int:
    """Return the length of a table's row groups, a multiple of DuckDB's vector size.

    Wide tables get shorter ones, so that one always fits into memory.
    """
    wanted = min(max(rows // _ROW_GROUPS, ROW_GROUP_ROWS), _LONGEST_ROW_GROUP)
    fitting = min(wanted, _ROW_GROUP_CELLS // max(columns, 1))
    return max(fitting // _VECTOR_ROWS, 1) * _VECTOR_ROWS


def path_list(paths: Sequence[Path]) -> str:
    """Return paths as an SQL list, for COPY, which takes no parameters."""
    return "[" + ", ".join(quote_literal(str(path)) for path in paths) + "]"
