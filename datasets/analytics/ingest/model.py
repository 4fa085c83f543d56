"""Request and response of an ingestion, as JSON between two processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets.analytics.ingest.rules import REVISION

NULL_WORDS = (
    "",
    "NA",
    "N/A",
    "#N/A",
    "NULL",
    "null",
    "None",
    "NaN",
    "nan",
    ".",
    "-",
)


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to read. `name` is the client's label; its extension is a hint only."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Options:
    """Reading options of the files; None and empty values are inferred.

    `types` are by column name. `header_row` counts from 1 below the skipped lines.
    `names` replace those of the file. `decimal` and `thousands` are separators in
    numbers, `date_formats` formats of strptime. `sheet` is one of a workbook.
    """

    null_values: tuple[str, ...] = NULL_WORDS
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    has_header: bool | None = None
    header_row: int | None = None
    names: tuple[str, ...] = ()
    skip_lines: int = 0
    comment: str = ""
    true_values: tuple[str, ...] = ()
    false_values: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    date_formats: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    sheet: str | None = None
    union_by_name: bool = False

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Options":
        """Return options as they were, of what JSON made of them."""
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in body.items()
        }
        return cls(**given)


@dataclass(frozen=True, slots=True)
class Base:
    """The version whose rows come first: its Parquet file, and its columns in order.

    `originals` are the names in its files, `nulls` counts what is missing. Without
    `widens` its types have to hold.
    """

    path: Path
    version: int
    rows: int
    names: tuple[str, ...]
    originals: tuple[str, ...]
    types: tuple[str, ...]
    nulls: tuple[int, ...]
    widens: bool = False

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> "Base":
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in body.items()
        }
        return cls(**{**given, "path": Path(given["path"])})


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a file's content, and of its reader's resources.

    `address_space_bytes`, `cpu_s`, `file_bytes` and `wall_s` end the child process;
    the others are refused with a reason.
    """

    address_space_bytes: int = 3 << 30
    memory_limit: str = "512MB"
    temp_limit: str = "8GB"
    threads: int = 2
    cpu_s: int = 1_800
    wall_s: int = 1_800
    file_bytes: int = 64 << 30
    unpacked_bytes: int = 64 << 30
    unpacked_ratio: int = 200
    columns: int = 2_000
    rows: int = 2_000_000_000
    cell_bytes: int = 1 << 20
    rejected_share: float = 0.01
    rejected_rows: int = 10
    reported_rows: int = 1_000
    # Of a text file only so many bytes are read, up to the end of a row; 0: all.
    first_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a conversion.

    `bytes_done` of `bytes_total` source bytes is the share that is done. It never
    decreases, although a file may be read more than once.
    """

    stage: str = "starting"
    bytes_done: int = 0
    bytes_total: int = 0
    rows_done: int = 0


@dataclass(frozen=True, slots=True)
class IngestedColumn:
    """A column of the result; `original_name` is what the file calls it."""

    name: str
    original_name: str
    type: str
    nulls: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of reading the files.

    `digest` is the SHA-256 of data.parquet, `content_digest` that of what the table
    says (`datasets.analytics.content`): equal rows in equal order give it in every
    size, and the first not always beyond a million, where DuckDB's threads cut row
    groups as they meet. `report` holds `rejected` (count, exact unless `exact` is
    false, and up to 1,000 rows with file, line, column, reason, text), `renamed`,
    `notes`, `dialect` and `cells`: what is missing or text though it could be more.
    """

    format: str
    digest: str
    content_digest: str
    size_bytes: int
    row_count: int
    columns: tuple[IngestedColumn, ...]
    report: Mapping[str, Any] = field(default_factory=dict)
    type_rules: int = REVISION
    is_whole: bool = True

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Outcome":
        columns = tuple(IngestedColumn(**column) for column in body.pop("columns"))
        return cls(columns=columns, **body)
