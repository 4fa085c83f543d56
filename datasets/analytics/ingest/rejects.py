"""The rows that DuckDB left out: where they stand, and why they are none."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.analytics.ingest.context import Context, Rejected
from datasets.analytics.ingest.encodings import UTF8
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.ingest.text import is_utf8
from datasets.analytics.ingest.transcoding import NUL_BYTE

LISTED_ERRORS = 100_000
_REASONS = {
    "MISSING COLUMNS": "too few cells",
    "TOO MANY COLUMNS": "too many cells",
    "UNQUOTED VALUE": "a quote that does not close or stands inside a cell",
    "LINE SIZE OVER MAXIMUM": "a line of more than 2 MB",
}
_CHUNK_BYTES = 4 << 20
_ROW_BYTES = 2 << 20


@dataclass(frozen=True, slots=True)
class _Row:
    """One row: its number among the rows of a file, and the byte that it begins at."""

    path: str
    number: int
    begin: int
    error: str
    text: str


def rejected(
    context: Context, plains: Sequence[Plain], attempts: Sequence[str]
) -> Rejected:
    """Return the rows that the statements which filled some tables left out."""
    by_path = {str(plain.path): plain for plain in plains}
    found: dict[tuple[str, int], _Row] = {}
    errors = 0
    for name in attempts:
        for values in context.cursor.rows(
            "SELECT s.file_path, e.line, e.line_byte_position, e.error_type::VARCHAR,"  # noqa: S608
            f" left(e.csv_line, 200) FROM {name} e"
            f" JOIN {name}_scans s USING (scan_id, file_id)"
            " ORDER BY e.file_id, e.line, e.column_idx",
            {},
        ):
            row = _Row(*values)
            found.setdefault((row.path, row.number), row)
            errors += 1
    listed = list(found.values())[: context.limits.reported_rows]
    by_file: dict[str, list[_Row]] = defaultdict(list)
    for row in listed:
        by_file[row.path].append(row)
    described = {
        (row.path, row.number): described
        for path, rows in by_file.items()
        for row, described in zip(rows, _described(by_path[path], rows), strict=True)
    }
    rows = [described[row.path, row.number] for row in listed]
    return Rejected(len(found), errors < LISTED_ERRORS, rows)


def _described(plain: Plain, rows: Sequence[_Row]) -> Iterable[dict[str, Any]]:
    lines = _lines(plain, rows)
    for row in rows:
        yield {
            "file": plain.name,
            "line": plain.dropped.line(lines[row.number]),
            "column": None,
            "reason": _reason(plain, row),
            "text": row.text.lstrip("\r\n"),
        }


def _lines(plain: Plain, rows: Sequence[_Row]) -> dict[int, int]:
    """Return the line of each row: a cell in quotes may hold several of them."""
    if plain.text is None or not plain.text.has_quotes:
        return {row.number: row.number for row in rows}
    found, line, place, last = {}, 1, 0, b""
    with plain.path.open("rb") as file:
        for row in sorted(rows, key=lambda row: row.begin):
            # Behind \r\n, the row is said to begin at its line feed.
            begin = row.begin - 1 + row.text.startswith("\n")
            while place < begin:
                chunk = file.read(min(_CHUNK_BYTES, begin - place))
                if not chunk:
                    break
                line += line_ends(last + chunk)
                place, last = place + len(chunk), chunk[-1:]
                # It may be half of one, to be counted with the other.
                line -= line_ends(last)
            line, last = line + line_ends(last), b""
            found[row.number] = line
    return found


def line_ends(text: bytes) -> int:
    """Return how many lines end in a text, as an editor counts them."""
    return text.count(b"\n") + text.count(b"\r") - text.count(b"\r\n")


def _reason(plain: Plain, row: _Row) -> str:
    if row.error != "INVALID ENCODING":
        return _REASONS.get(row.error, "not readable")
    with plain.path.open("rb") as file:
        file.seek(row.begin - 1)
        start = file.read(_ROW_BYTES)
    lines = start.split(b"\n")
    return unreadable(plain, next((line for line in lines if not is_utf8(line)), b""))


def unreadable(plain: Plain, line: bytes) -> str:
    """Return why a line is no text."""
    if plain.text is not None and plain.text.nul_bytes and NUL_BYTE in line:
        return "a NUL byte"
    encoding = plain.text.encoding if plain.text else UTF8
    return f"bytes that are not {'UTF-8' if encoding == UTF8 else encoding}"
