"""One conversion inside the child: prepare the files, read them, write the rest."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from datasets.analytics.database import LaneLimits
from datasets.analytics.engine import Engine
from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest import arrow_file, csv_file, json_lines, parquet_file
from datasets.analytics.ingest.append import Append
from datasets.analytics.ingest.choices import ignored_options
from datasets.analytics.ingest.context import Context, Read
from datasets.analytics.ingest.model import (
    Base,
    IngestedColumn,
    InputFile,
    Limits,
    Options,
    Outcome,
)
from datasets.analytics.ingest.plain import Format, Plain
from datasets.analytics.ingest.sidecars import write_sidecars
from datasets.analytics.ingest.unpacking import unpacked
from datasets.analytics.sql import source_of

DATA_FILE = "data.parquet"
_LISTED_FILES = 1_000

READERS: dict[Format, Callable[[Context, Sequence[Plain]], Read]] = {
    Format.CSV: csv_file.read,
    Format.TSV: csv_file.read,
    Format.JSON_LINES: json_lines.read,
    Format.PARQUET: parquet_file.read,
    Format.ARROW: arrow_file.read,
    Format.XLSX: csv_file.read,
}


class Conversion:
    """From files to data.parquet and its sidecars, in one folder."""

    def __init__(
        self,
        files: Sequence[InputFile],
        folder: Path,
        options: Options,
        limits: Limits,
        base: Base | None = None,
    ) -> None:
        self.base = base
        self.files = files
        self.folder = folder
        self.options = options
        self.limits = limits

    def run(self) -> Outcome:
        """Return the outcome. Raises IngestRefused or the engine's errors."""
        paths = [file.path for file in self.files]
        if self.base:
            paths.append(self.base.path)
        engine = Engine(self.folder, _engine_limits(self.limits), files=paths)
        with engine.cursor() as cursor:
            cursor.watch()
            context = Context(self.folder, self.options, self.limits, cursor)
            with context.reporting():
                found, read = self._read(context)
                return self._finish(context, found, read)

    def _read(self, context: Context) -> tuple[Format, Read]:
        context.total_bytes = sum(file.path.stat().st_size for file in self.files)
        plains = unpacked(context, self.files)
        formats = {plain.format for plain in plains}
        if len(formats) > 1:
            listed = ", ".join(sorted(formats))
            raise IngestRefused(
                "mixed_formats", f"The files have different formats: {listed}."
            )
        found = formats.pop()
        reader = READERS[found]
        read = reader(context, plains)
        if self.base:
            read = Append(context, self.base, plains, reader).joined(read)
        read.files = [plain.report() for plain in plains[:_LISTED_FILES]]
        read.notes += [note for plain in plains for note in plain.notes]
        has_folders = any(plain.partitions for plain in plains)
        if names := ignored_options(self.options, found, has_folders=has_folders):
            read.notes.append(f"Options that say nothing here: {', '.join(names)}.")
        return found, read

    def _finish(self, context: Context, found: Format, read: Read) -> Outcome:
        data = self.folder / DATA_FILE
        place = source_of(data)
        (count,) = context.cursor.row(
            f"SELECT count(*) FROM {place.sql}",  # noqa: S608 - a bound path
            place.parameters,
        )
        if count == 0:
            raise IngestRefused("no_rows", "The file holds no rows.")
        context.stage = "describing"
        with ThreadPoolExecutor(1) as pool:
            sealing = pool.submit(_sealed, data)
            profile, content = write_sidecars(context.cursor, data, self.folder)
        digest, size = sealing.result()
        nulls = {column.name: column.nulls for column in profile.columns}
        types = {column.name: column.type for column in profile.columns}
        return Outcome(
            format=found,
            digest=digest,
            content_digest=content.digest,
            size_bytes=size,
            row_count=count,
            columns=tuple(
                IngestedColumn(name, original, types[name], nulls[name])
                for name, original in zip(read.names, read.originals, strict=True)
            ),
            report=read.report(),
            is_whole=not context.is_cut,
        )


def _engine_limits(limits: Limits) -> LaneLimits:
    return LaneLimits(
        threads=limits.threads,
        memory_limit=limits.memory_limit,
        temp_limit=limits.temp_limit,
        timeout_s=limits.wall_s,
        concurrent=1,
        wait_s=1,
        # It makes a join of each list of null words, through which all cells go.
        without="in_clause",
    )


def _sealed(path: Path) -> tuple[str, int]:
    """Make a file read-only and durable; return its SHA-256 and its size."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
        size = os.fstat(file.fileno()).st_size
    path.chmod(0o444)
    return digest, size
