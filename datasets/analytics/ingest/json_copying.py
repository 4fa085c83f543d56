"""Lines that are objects, written again under keys that DuckDB keeps apart.

DuckDB turns a broken line into a row of NULLs without a word, so every line is
parsed here first.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.encodings import UTF8
from datasets.analytics.ingest.json_keys import KINDS, JsonKey, JsonKind, JsonLines
from datasets.analytics.ingest.json_values import (
    WORDS,
    Digits,
    Record,
    as_numbers,
    has_fraction,
    is_cut_text,
    parsed,
    text_of,
)
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.ingest.rejects import unreadable
from datasets.analytics.ingest.text import is_utf8

MAX_LINE_BYTES = 16 << 20
_MAX_ARRAY_BYTES = 256 << 20
_BLANKS = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(parse_int=Digits, parse_float=Digits, parse_constant=Digits)


def copy_lines(
    context: Context,
    plain: Plain,
    out: BinaryIO,
    found: JsonLines,
    added: Mapping[str, str | None],
) -> None:
    """Copy the objects of a file, each with the values of its folders."""
    for line, raw in objects(context, plain.path):
        if not raw.strip():
            continue
        number = plain.dropped.line(line)
        record = None
        if len(raw) <= MAX_LINE_BYTES:
            record = parsed(raw, exactly=bool(found.spelled))
        if record is None:
            _reject(context, plain, found, number, raw)
            continue
        _add_folders(found, record.values, added)
        if not record.values.keys() <= found.keys.keys():
            for key in record.values:
                found.key(key)
            context.check_columns(len(found.keys))
        found.kept += 1
        of_file = f" of {plain.name}" if found.has_files else ""
        _note_repeated(found, record, f"line {number}{of_file}")
        written = {
            found.keys[name].column: _written(found, name, value)
            for name, value in record.values.items()
        }
        out.write(orjson.dumps(written))
        out.write(b"\n")


def _add_folders(
    found: JsonLines, values: dict[str, Any], added: Mapping[str, str | None]
) -> None:
    for name, value in added.items():
        if name in values:
            raise IngestRefused(
                "invalid_file",
                f"{name!r} is a key of the lines and of the folders; rename one.",
            )
        found.key(name, is_folder=True)
        if value:
            values[name] = value


def _note_repeated(found: JsonLines, record: Record, where: str) -> None:
    for name in record.repeated:
        found.keys[name].repeated.add(where)
    for name in record.inside:
        found.keys[name].repeated_inside.add(where)


def _written(found: JsonLines, name: str, value: Any) -> Any:
    """Take note of a value; return how it is written for DuckDB."""
    key = found.keys[name]
    key.present += 1
    if value is None:
        key.nulls += 1
        return None
    kind = KINDS[type(value)]
    if kind is JsonKind.TEXT and value in found.words:
        return value
    if kind is JsonKind.TEXT and value in WORDS:
        kind = JsonKind.WORD
    key.kinds.add(kind)
    if isinstance(value, Digits):
        return found.mark + value
    if kind is JsonKind.NESTED:
        return _nested(found, key, value, is_spelled=name in found.spelled)
    key.is_respelled |= isinstance(value, float)
    return value


def _nested(found: JsonLines, key: JsonKey, value: Any, *, is_spelled: bool) -> Any:
    key.shapes.add(value)
    try:
        numbers = as_numbers(value)
    except ValueError:
        key.is_exact = False
    else:
        if not is_spelled:
            key.is_respelled = key.is_respelled or has_fraction(numbers)
            return numbers
    return found.mark + text_of(value)


def objects(context: Context, path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the raw objects, each with its line number."""
    with path.open("rb") as file:
        start = file.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
        file.seek(0)
        if start.startswith(b"["):
            yield from _items(file)
            return
        context.bytes_read = 0
        for number, line in enumerate(file, start=1):
            context.bytes_read += len(line)
            yield number, line


def _items(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the items of one JSON array, which has to fit into memory."""
    raw = file.read(_MAX_ARRAY_BYTES + 1)
    if len(raw) > _MAX_ARRAY_BYTES:
        raise IngestRefused(
            "too_heavy", "A JSON array of this size must come as JSON lines."
        )
    text = raw.decode(UTF8, "surrogateescape")
    line, seen = 1, 0
    try:
        for begin, end in _spans(text):
            line, seen = line + text.count("\n", seen, begin), begin
            yield line, text[begin:end].encode(UTF8, "surrogateescape")
    except (ValueError, RecursionError):
        raise IngestRefused("invalid_file", "The file is not valid JSON.") from None


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the items of an array begin and end. Raises ValueError."""
    place = _behind_blanks(text, text.index("[") + 1)
    is_open = not text.startswith("]", place)
    while is_open:
        _, end = _DECODER.raw_decode(text, place)
        yield place, end
        place = _behind_blanks(text, end)
        is_open = text.startswith(",", place)
        place = _behind_blanks(text, place + 1) if is_open else place
    if not text.startswith("]", place) or _behind_blanks(text, place + 1) < len(text):
        raise ValueError("no end, or something behind it")


def _behind_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _reject(
    context: Context, plain: Plain, found: JsonLines, number: int, raw: bytes
) -> None:
    rejected = found.rejected
    rejected.count += 1
    if len(rejected.rows) < context.limits.reported_rows:
        text = raw[:200].decode(UTF8, "replace").rstrip()
        rejected.rows.append(
            {
                "file": plain.name,
                "line": number,
                "column": None,
                "reason": _reason(plain, raw),
                "text": text,
            }
        )


def _reason(plain: Plain, raw: bytes) -> str:
    if not is_utf8(raw):
        return unreadable(plain, raw)
    return "half of a character" if is_cut_text(raw) else "not a JSON object"
