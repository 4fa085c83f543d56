"""Converts small files within the request, before any row is written."""

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import storage
from datasets.analytics import ingest, rows
from datasets.analytics.errors import IngestRefused
from datasets.error_translation import translated_errors
from datasets.errors import (
    BadFile,
    DiskFull,
    FileTooLarge,
    ReaderBusy,
    UnsupportedFormat,
)
from datasets.models import DatasetVersion
from datasets.storage import IncomingFile
from mlops.core.errors import DomainError

SMALL_BYTES = 8 * 2**20
# As much memory as the loop has: what is too heavy here is so there.
SMALL_LIMITS = ingest.Limits(wall_s=30, cpu_s=30)
PREVIEW_LIMITS = replace(SMALL_LIMITS, first_bytes=2**20)
PREVIEW_WAIT_S = 10.0
# Of a web process, one request at a time converts; the others leave it to the loop.
_converting = threading.Lock()


@dataclass(frozen=True, slots=True)
class FinishedConversion:
    """A finished conversion, not yet in the database."""

    outcome: ingest.Outcome
    folder: Path


@contextmanager
def prepared(
    files: Sequence[IncomingFile],
    options: Mapping[str, Any] | None = None,
    base: ingest.Base | None = None,
) -> Iterator[FinishedConversion | None]:
    """Convert small files before any row is written; None leaves them to the worker.

    A few megabytes take a second, so that the response shows the table, or what is
    wrong with the file. A timeout here is not the file's fault: the worker has more
    time. Raises BadFile, UnsupportedFormat or FileTooLarge; then nothing is stored.
    """
    size = sum(file.size_bytes for file in files)
    if size > SMALL_BYTES or not _converting.acquire(blocking=False):
        yield None
        return
    folder = storage.work_folder(uuid.uuid4(), 0)
    try:
        yield _prepared(files, folder, options or {}, base)
    finally:
        storage.remove(folder)
        _converting.release()


def _prepared(
    files: Sequence[IncomingFile],
    folder: Path,
    options: Mapping[str, Any],
    base: ingest.Base | None,
) -> FinishedConversion | None:
    sources = [ingest.InputFile(file.path, file.name) for file in files]
    chosen = ingest.Options.from_json(options)
    try:
        outcome = ingest.convert(
            sources, folder, options=chosen, limits=SMALL_LIMITS, base=base
        )
    except IngestRefused as refused:
        if refused.code in {"timeout", "reader_killed"}:
            return None
        raise explained(refused) from None
    return FinishedConversion(outcome, folder)


def base_of(version: DatasetVersion, *, widens: bool = False) -> ingest.Base:
    """Return the rows that an append comes after. Raises IngestRefused if gone."""
    path = storage.data_path(version.digest)
    if not path.exists():
        raise IngestRefused(
            "base_gone", f"The bytes of {version}, to append to, are gone."
        )
    columns = list(version.columns.order_by("position"))
    return ingest.Base(
        path=path,
        version=version.number,
        rows=version.row_count,
        names=tuple(column.name for column in columns),
        originals=tuple(column.original_name for column in columns),
        types=tuple(column.data_type for column in columns),
        nulls=tuple(column.null_count for column in columns),
        widens=widens,
    )


def previewed(
    sources: Sequence[ingest.InputFile], options: Mapping[str, Any]
) -> tuple[ingest.Outcome, rows.Rows]:
    """Read the beginning of files; return the outcome and the first rows.

    Raises ReaderBusy, BadFile, UnsupportedFormat or FileTooLarge.
    """
    if not _converting.acquire(timeout=PREVIEW_WAIT_S):
        raise ReaderBusy("Another file is being read; try again in a moment.")
    folder = storage.work_folder(uuid.uuid4(), 0)
    try:
        outcome = ingest.convert(
            sources,
            folder,
            options=ingest.Options.from_json(options),
            limits=PREVIEW_LIMITS,
        )
        with translated_errors():
            return outcome, rows.page(folder / storage.DATA_FILE, rows.Window())
    except IngestRefused as refused:
        raise explained(refused) from None
    finally:
        storage.remove(folder)
        _converting.release()


def explained(refused: IngestRefused) -> DomainError:
    """Return the refusal as an error of the request that sent the file."""
    kinds: dict[str, type[DomainError]] = {
        "unsupported_format": UnsupportedFormat,
        "too_large": FileTooLarge,
        "too_heavy": FileTooLarge,
        "no_room": DiskFull,
        "timeout": ReaderBusy,
        "reader_killed": ReaderBusy,
    }
    error = kinds.get(refused.code, BadFile)(
        refused.message, field=refused.field, **refused.extra
    )
    error.code = refused.code  # type: ignore[misc]  # the reader's own word
    return error
