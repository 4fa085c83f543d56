"""From a file as it came to one that can be read: format, unpacking, encoding."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pyarrow as pa

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.model import InputFile
from datasets.analytics.ingest.quotes import Quotes
from datasets.analytics.ingest.skipped_lines import SkippedLines
from datasets.analytics.ingest.text import TextFacts, quote_of, scan
from datasets.analytics.ingest.transcoding import beginning, skips_lines, transcode

CHUNK_BYTES = 4 << 20
_HEAD_BYTES = 64 << 10
_SMALL_BYTES = 16 << 20
_BLANK = codecs.BOM_UTF8 + b" \t\r\n"


class Format(StrEnum):
    CSV = "csv"
    TSV = "tsv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Plain:
    """A readable file: unpacked, and UTF-8 where it is text."""

    path: Path
    name: str
    format: Format
    text: TextFacts | None = None
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    # Lines of the file that are not in `path`.
    dropped: SkippedLines = field(default_factory=SkippedLines)
    # Keys and values of the folders that it was in.
    partitions: tuple[tuple[str, str | None], ...] = ()

    def report(self) -> dict[str, Any]:
        """Return what was found out about the file before it was read."""
        is_text = self.text is not None and self.format != Format.XLSX
        found = self.text.found.report() if self.text and is_text else {}
        about = {**found, **self.about}
        return {"file": self.name, "format": str(self.format), **about}


_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_BINARY = {b"PAR1": Format.PARQUET, b"ARROW1": Format.ARROW}
_FOREIGN = {
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"SQLite format 3": "an SQLite database",
    b"%PDF": "a PDF",
    b"\x89HDF": "an HDF5 file",
    b"\x80\x02": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
}


def prepare(context: Context, file: InputFile) -> Plain:
    """Return the file in readable form; the bytes decide, the name is a hint."""
    path, name = file.path, file.name.lower()
    head = _head(path)
    for magic, codec in _PACKED.items():
        if head.startswith(magic):
            path = _unpacked(context, path, codec)
            head = _head(path)
            name = name.removesuffix(".gz").removesuffix(".zst").removesuffix(".zstd")
            break
    for magic, found in _BINARY.items():
        if head.startswith(magic):
            return Plain(path, file.name, found)
    # The stream form of Arrow has no magic but begins with a continuation marker.
    if head.startswith(b"\xff\xff\xff\xff"):
        return Plain(path, file.name, Format.ARROW)
    _refuse_foreign(head)
    if context.limits.first_bytes:
        path = _beginning(context, path)
    return _text(context, path, file.name, name)


def _beginning(context: Context, path: Path) -> Path:
    """Return a file of the first complete rows; the whole where they are not seen."""
    most = context.limits.first_bytes
    with path.open("rb") as file:
        start = file.read(most)
    if path.stat().st_size <= most or b"\0" in start or start.lstrip()[:1] == b"[":
        return path
    cut = _end_of_rows(context, start)
    if not cut:
        return path
    target = context.temporary / f"{path.name}.beginning"
    target.write_bytes(start[:cut])
    context.is_cut = True
    return target


def _end_of_rows(context: Context, start: bytes) -> int:
    """Return where the last line end stands that is in no cell, and how long it is."""
    quote = quote_of(context)
    if not quote:
        return start.rfind(b"\n") + 1
    parts, is_inside = Quotes(quote, context.options.delimiter).parts(start)
    end = len(start)
    for index in reversed(range(len(parts))):
        begin = end - len(parts[index])
        found = parts[index].rfind(b"\n") + 1
        if index % 2 == is_inside and found:
            return begin + found
        end = begin - 1
    return 0


def _text(context: Context, path: Path, label: str, name: str) -> Plain:
    facts = scan(context, path)
    if facts.is_binary:
        raise IngestRefused(
            "unsupported_format", "The file is binary, and not of a kind that is read."
        )
    has_lines_out = skips_lines(context.options)
    start = beginning(context, path, facts) if has_lines_out else _head(path)
    is_table, dropped = not _is_json(start, name), SkippedLines()
    if facts.needs_rewriting or has_lines_out:
        path, facts, dropped = transcode(context, path, facts, is_table=is_table)
    start = _head(path)
    if _is_json(start, name):
        return Plain(path, label, Format.JSON_LINES, facts, dropped=dropped)
    start = start.lstrip(_BLANK)
    if start[:1] == b"<":
        raise IngestRefused(
            "unsupported_format", "The file is HTML or XML, not a table."
        )
    is_tabbed = name.endswith((".tsv", ".tab"))
    form = Format.TSV if is_tabbed else Format.CSV
    return Plain(path, label, form, facts, dropped=dropped)


def _is_json(start: bytes, name: str) -> bool:
    is_object = start.lstrip(_BLANK)[:1] in {b"{", b"["}
    return is_object and not name.endswith((".csv", ".tsv", ".txt"))


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _refuse_foreign(head: bytes) -> None:
    for magic, words in _FOREIGN.items():
        if head.startswith(magic):
            raise IngestRefused(
                "unsupported_format",
                f"The file is {words}; CSV, TSV, JSON lines, Parquet and Arrow can"
                " be read, also packed with gzip or zstd; XLSX and ZIP as they are.",
            )


def _unpacked(context: Context, path: Path, codec: str) -> Path:
    """Decompress to a file and count: the size that a bomb claims is not trusted."""
    target = context.temporary / f"{path.name}.unpacked"
    packed = path.stat().st_size
    most = min(
        context.limits.unpacked_bytes,
        max(packed * context.limits.unpacked_ratio, _SMALL_BYTES),
    )
    written = 0
    try:
        with target.open("wb") as out:
            for chunk in _chunks(path, codec):
                written += len(chunk)
                if written > most:
                    raise IngestRefused(
                        "file_bomb",
                        f"The file unpacks to more than {most} bytes"
                        f" from {packed}; that is refused.",
                    )
                out.write(chunk)
    except (OSError, pa.ArrowException):
        raise IngestRefused(
            "invalid_file", f"The file is cut off or not {codec}."
        ) from None
    return target


def _chunks(path: Path, codec: str) -> Iterator[Any]:
    with pa.input_stream(str(path), compression=codec) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            yield chunk
