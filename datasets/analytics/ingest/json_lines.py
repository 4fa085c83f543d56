"""JSON lines: one object per line; a line that is none is reported.

DuckDB turns a broken line into a row of NULLs without a word, so every line is
parsed here first.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context, Read, Rejected, path_list
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.sql import quote_ident

MAX_LINE_BYTES = 16 << 20
_MAX_ARRAY_BYTES = 256 << 20


@dataclass(slots=True)
class _Lines:
    """What one pass over the lines found. `keys` keep the order of appearance."""

    keys: dict[str, None] = field(default_factory=dict)
    kept: int = 0
    rejected: Rejected = field(default_factory=Rejected)


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Write the table. Raises IngestRefused when too much of it would be lost."""
    found, paths = _Lines(), []
    for index, plain in enumerate(plains):
        path = context.temporary / f"lines_{index:d}.jsonl"
        with path.open("wb") as out:
            _clean(context, plain, out, found)
        paths.append(path)
    _check_loss(context, found)
    context.expected_rows = found.kept
    originals = list(found.keys)
    names = clean_names(originals)
    source = f"read_json({path_list(paths)}, {_OPTIONS})"
    described = context.cursor.rows(f"DESCRIBE SELECT * FROM {source}", {})  # noqa: S608
    select = ", ".join(
        f"{_expression(key, kind)} AS {quote_ident(name)}"
        for (key, kind, *_), name in zip(described, names, strict=True)
    )
    context.copy([f"SELECT {select} FROM {source}"], columns=len(names))  # noqa: S608
    return Read(names, originals, rejected=found.rejected)


_OPTIONS = (
    "format='newline_delimited', sample_size=-1, maximum_depth=6,"
    " map_inference_threshold=-1, field_appearance_threshold=0,"
    f" maximum_object_size={MAX_LINE_BYTES:d},"
    " dateformat='%Y-%m-%d', timestampformat='%Y-%m-%dT%H:%M:%S'"
)


def _expression(key: str, kind: str) -> str:
    name = quote_ident(key)
    # Parquet has no 128-bit integer: DuckDB would write a double.
    is_lossy = "HUGEINT" in kind or kind in {'"NULL"', "JSON"}
    return f"{name}::VARCHAR" if is_lossy else name


def _clean(context: Context, plain: Plain, out: BinaryIO, found: _Lines) -> None:
    """Copy the lines that are objects, under keys that DuckDB keeps apart."""
    for number, raw in _lines(context, plain.path):
        if not raw.strip():
            continue
        record = _parsed(raw)
        if not isinstance(record, dict) or not record:
            _reject(context, plain, found.rejected, number, raw)
            continue
        if not record.keys() <= found.keys.keys():
            found.keys.update(dict.fromkeys(record))
            context.check_columns(len(found.keys))
        found.kept += 1
        positions = {key: index for index, key in enumerate(found.keys)}
        renamed = {f"k{positions[key]:d}": value for key, value in record.items()}
        out.write(orjson.dumps(renamed))
        out.write(b"\n")


def _parsed(raw: bytes) -> Any:
    """Return the value of a line, None where it has none.

    NaN and Infinity, which Python and pandas write, are no JSON: they count as null.
    """
    if len(raw) > MAX_LINE_BYTES:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(raw, parse_constant=lambda _word: None)
    except (ValueError, RecursionError):
        return None


def _lines(context: Context, path: Path) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        start = file.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
        file.seek(0)
        if start.startswith(b"["):
            yield from enumerate(_items(file), start=1)
            return
        context.bytes_read = 0
        for number, line in enumerate(file, start=1):
            context.bytes_read += len(line)
            yield number, line


def _items(file: BinaryIO) -> Iterator[bytes]:
    """Yield the items of one JSON array, which has to fit into memory."""
    raw = file.read(_MAX_ARRAY_BYTES + 1)
    if len(raw) > _MAX_ARRAY_BYTES:
        raise IngestRefused(
            "too_heavy", "A JSON array of this size must come as JSON lines."
        )
    try:
        items = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise IngestRefused("invalid_file", "The file is not valid JSON.") from None
    yield from map(orjson.dumps, items)


def _reject(
    context: Context, plain: Plain, rejected: Rejected, number: int, raw: bytes
) -> None:
    rejected.count += 1
    if len(rejected.rows) < context.limits.reported_rows:
        text = raw[:200].decode("utf-8", "replace").rstrip()
        rejected.rows.append(
            {
                "file": plain.name,
                "line": number,
                "column": None,
                "reason": "not a JSON object",
                "text": text,
            }
        )


def _check_loss(context: Context, found: _Lines) -> None:
    lost, limits = found.rejected.count, context.limits
    if not found.kept and not lost:
        raise IngestRefused("no_rows", "The file holds no rows.")
    share = lost / (found.kept + lost)
    many = lost > limits.rejected_rows and share > limits.rejected_share
    if many or lost > found.kept:
        first = found.rejected.rows[0]
        raise IngestRefused(
            "invalid_file",
            f"{lost} of {found.kept + lost} lines are not JSON objects; the first is"
            f" line {first['line']}.",
            rejected=lost,
            rows=found.rejected.rows[:20],
        )
