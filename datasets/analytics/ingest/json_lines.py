"""JSON lines: one object per line; a line that is none is reported.

DuckDB turns a broken line into a row of NULLs without a word, so every line is
parsed here first.
"""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.accounting import described
from datasets.analytics.ingest.choices import grammar, plan
from datasets.analytics.ingest.context import Context, Read, Rejected, path_list
from datasets.analytics.ingest.grammar import Grammar
from datasets.analytics.ingest.json_values import (
    WORDS,
    Digits,
    Record,
    as_numbers,
    is_cut_text,
    parsed,
    text_of,
)
from datasets.analytics.ingest.model import NULL_WORDS, Options
from datasets.analytics.ingest.names import clean_names
from datasets.analytics.ingest.nested import Shapes, nested_types
from datasets.analytics.ingest.partitions import partitions_of
from datasets.analytics.ingest.plain import Plain
from datasets.analytics.ingest.proof import Proof
from datasets.analytics.ingest.rejects import unreadable
from datasets.analytics.ingest.text import is_utf8
from datasets.analytics.sql import quote_literal

MAX_LINE_BYTES = 16 << 20
_MAX_ARRAY_BYTES = 256 << 20


class _Kind(StrEnum):
    """What a value is, as far as columns go."""

    TRUTH = "true or false"
    NUMBER = "number"
    WORD = "word for a number"
    TEXT = "text"
    NESTED = "object or list"


_KINDS: dict[type, _Kind] = {
    bool: _Kind.TRUTH,
    int: _Kind.NUMBER,
    float: _Kind.NUMBER,
    Digits: _Kind.NUMBER,
    str: _Kind.TEXT,
    dict: _Kind.NESTED,
    list: _Kind.NESTED,
}


@dataclass(slots=True)
class _Key:
    """What the lines say of one key."""

    kinds: set[_Kind] = field(default_factory=set)
    present: int = 0
    nulls: int = 0
    repeated: int = 0
    first_repeated: int = 0
    # A nested number would change, so that the column is text of JSON.
    is_exact: bool = True
    shapes: Shapes = field(default_factory=Shapes)
    # The name of a folder: text that may be of any type, as the cells of a CSV.
    is_folder: bool = False

    @property
    def is_number(self) -> bool:
        return _Kind.NUMBER in self.kinds <= {_Kind.NUMBER, _Kind.WORD}

    @property
    def is_text(self) -> bool:
        return self.kinds <= {_Kind.TEXT, _Kind.WORD} and bool(self.kinds)

    @property
    def is_nested(self) -> bool:
        return self.kinds == {_Kind.NESTED} and self.is_exact


@dataclass(slots=True)
class _Lines:
    """What one pass over the lines found. `keys` keep the order of appearance."""

    keys: dict[str, _Key] = field(default_factory=dict)
    kept: int = 0
    rejected: Rejected = field(default_factory=Rejected)
    # Put before what JSON has no form for, to be taken off again in SQL.
    mark: str = field(default_factory=lambda: secrets.token_hex(12))
    # Texts that a person called missing.
    words: tuple[str, ...] = ()


@dataclass(slots=True)
class _Table:
    """The lines as a table of text, nested and truth values as they are."""

    names: list[str]
    select: str
    has_quotes: bool = False
    is_clean: bool = False

    def parts(self, *, limit: int | None = None, counted: bool = False) -> list[str]:
        return [f"{self.select} LIMIT {limit:d}" if limit else self.select]

    def wholly_quoted(self, columns: Sequence[int]) -> set[int]:
        return set()

    def with_quoted_words(
        self, columns: Sequence[int], words: Sequence[str]
    ) -> set[int]:
        return set()


def read(context: Context, plains: Sequence[Plain]) -> Read:
    """Write the table. Raises IngestRefused when too much of it would be lost."""
    given = context.options.null_values
    # The usual words are those of CSV, where nothing else says that a cell is missing.
    found, paths = _Lines(words=() if given == NULL_WORDS else given), []
    folders = partitions_of(context, plains)
    for index, plain in enumerate(plains):
        path = context.temporary / f"lines_{index:d}.jsonl"
        added = dict(zip(folders.keys, folders.values[index], strict=True))
        with path.open("wb") as out:
            _clean(context, plain, out, found, added)
        paths.append(path)
    _check_loss(context, found)
    context.expected_rows = found.kept
    originals = list(found.keys)
    names = clean_names(originals)
    keys = list(found.keys.values())
    types = _nested_types(context, paths, keys)
    chosen = [
        {*context.options.types} & {name, key}
        for name, key in zip(names, originals, strict=True)
    ]
    for key, is_chosen in zip(keys, chosen, strict=True):
        if is_chosen and key.kinds <= {_Kind.NUMBER, _Kind.WORD, _Kind.TEXT}:
            # Long numbers may travel as text: the type says what both are.
            key.kinds -= {_Kind.NUMBER, _Kind.WORD}
            key.kinds.add(_Kind.TEXT)
    table = _Table(names, _select(paths, keys, types, found.mark))
    grammars = [_grammar(context.options, key) for key in keys]
    options = _without_nested(context.options, names, originals, types)
    intent = replace(
        plan(options, names, originals, grammars),
        null_words=found.words,
        kept=types,
    )
    proof = Proof(context, table, intent)
    proof.write()
    written = described(proof)
    return Read(
        names,
        originals,
        rejected=found.rejected,
        notes=[*written.notes, *_notes(found, names, types), *_left_out(plains)],
        cells=written.cells(),
    )


def _without_nested(
    options: Options,
    names: Sequence[str],
    originals: Sequence[str],
    types: dict[int, str],
) -> Options:
    """Take out the types of columns that have one of their own, if it is the same."""
    wanted = dict(options.types)
    for place, kind in types.items():
        for name in (names[place], originals[place]):
            if wanted.pop(name, kind) != kind:
                raise IngestRefused(
                    "invalid_options", f"Column {name!r} is {kind} and nothing else."
                )
    return replace(options, types=wanted)


def _grammar(options: Options, key: _Key) -> Grammar:
    """Numbers are numbers, and texts times at the most: "5" is no 5."""
    if key.is_folder:
        return grammar(options)
    return replace(
        grammar(options), signs=None, numeric=key.is_number, temporal=key.is_text
    )


def _nested_types(
    context: Context, paths: Sequence[Path], keys: Sequence[_Key]
) -> dict[int, str]:
    """Return the types of columns that are no text to begin with."""
    found = {
        place: "BOOLEAN" for place, key in enumerate(keys) if key.kinds == {_Kind.TRUTH}
    }
    nested = [place for place, key in enumerate(keys) if key.is_nested]
    if nested:
        found |= nested_types(context, paths, nested, _OPTIONS)
    return found


_OPTIONS = f"format='newline_delimited', maximum_object_size={MAX_LINE_BYTES:d}"


def _select(
    paths: Sequence[Path], keys: Sequence[_Key], types: dict[int, str], mark: str
) -> str:
    columns, cells = [], []
    for place, key in enumerate(keys):
        is_plain = key.is_number or key.is_text or not key.kinds
        kind = types.get(place) or ("VARCHAR" if is_plain else "JSON")
        columns.append(f"'k{place:d}': {quote_literal(kind)}")
        cell = f"k{place:d}"
        if place not in types:
            # A null in a column of JSON is no text of four letters.
            text = cell if kind == "VARCHAR" else f"({cell}->>'$')"
            cell = (
                f"CASE WHEN starts_with({text}, '{mark}')"
                f" THEN substr({text}, {len(mark) + 1:d})"
                f" WHEN {cell}::VARCHAR = 'null' AND '{kind}' = 'JSON' THEN NULL"
                f" ELSE {cell}::VARCHAR END"
            )
        cells.append(f"{cell} AS r{place:d}")
    source = (
        f"read_json({path_list(paths)}, {_OPTIONS}, columns={{{', '.join(columns)}}})"
    )
    return f"SELECT {', '.join(cells)} FROM {source}"  # noqa: S608 - numbered columns


def _notes(found: _Lines, names: Sequence[str], types: dict[int, str]) -> Iterator[str]:
    for place, (name, key) in enumerate(zip(names, found.keys.values(), strict=True)):
        if key.nulls and key.present < found.kept:
            yield (
                f"{name}: null in {key.nulls} lines and absent from"
                f" {found.kept - key.present}; both are missing."
            )
        if key.repeated:
            yield (
                f"{name}: given twice in {key.repeated} lines, first in line"
                f" {key.first_repeated}; the last value was kept."
            )
        if place in types and key.shapes.are_joined:
            yield (
                f"{name}: keys inside it are null in some objects and absent from"
                " others; both are missing."
            )
        if not key.is_exact or (key.is_nested and place not in types):
            yield f"{name}: kept as text of JSON, which no type holds exactly."
        elif len(key.kinds) > 1 and not (key.is_number or key.is_text):
            kinds = ", ".join(sorted(key.kinds))
            yield f"{name}: kept as text of JSON; it holds {kinds}."


def _left_out(plains: Sequence[Plain]) -> Iterator[str]:
    above = sum(plain.dropped.above for plain in plains)
    comments = sum(plain.dropped.comments for plain in plains)
    for count, what in ((above, "lines above the first"), (comments, "comments")):
        if count:
            yield f"{count} {what} were skipped."


def _clean(
    context: Context,
    plain: Plain,
    out: BinaryIO,
    found: _Lines,
    added: Mapping[str, str | None],
) -> None:
    """Copy the lines that are objects, under keys that DuckDB keeps apart.

    Each gets the values of its folders.
    """
    for number, raw in _lines(context, plain.path):
        if not raw.strip():
            continue
        record = parsed(raw) if len(raw) <= MAX_LINE_BYTES else None
        if record is None or not record.values:
            _reject(context, plain, found.rejected, number, raw)
            continue
        _add_folders(found, record.values, added)
        if not record.values.keys() <= found.keys.keys():
            for key in record.values:
                found.keys.setdefault(key, _Key())
            context.check_columns(len(found.keys))
        found.kept += 1
        _note_repeated(found, record, plain.dropped.line(number))
        positions = {key: index for index, key in enumerate(found.keys)}
        written = {
            f"k{positions[key]:d}": _written(found, found.keys[key], value)
            for key, value in record.values.items()
        }
        out.write(orjson.dumps(written))
        out.write(b"\n")


def _add_folders(
    found: _Lines, values: dict[str, Any], added: Mapping[str, str | None]
) -> None:
    for name, value in added.items():
        if name in values:
            raise IngestRefused(
                "invalid_file",
                f"{name!r} is a key of the lines and of the folders; rename one.",
            )
        found.keys.setdefault(name, _Key(is_folder=True))
        if value:
            values[name] = value


def _note_repeated(found: _Lines, record: Record, number: int) -> None:
    for name in record.repeated:
        # A key that is given twice deeper down belongs to no column of its own.
        key = found.keys.get(name) or next(iter(found.keys.values()))
        key.repeated += 1
        key.first_repeated = key.first_repeated or number


def _written(found: _Lines, key: _Key, value: Any) -> Any:
    """Take note of a value; return how it is written for DuckDB."""
    key.present += 1
    if value is None:
        key.nulls += 1
        return None
    kind = _KINDS[type(value)]
    if kind is _Kind.TEXT and value in found.words:
        return value
    if kind is _Kind.TEXT and value in WORDS:
        kind = _Kind.WORD
    key.kinds.add(kind)
    if isinstance(value, Digits):
        return found.mark + value
    if kind is _Kind.NESTED:
        key.shapes.add(value)
        try:
            return as_numbers(value)
        except ValueError:
            key.is_exact = False
            return found.mark + text_of(value)
    return value


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
        items = json.loads(
            raw, parse_int=Digits, parse_float=Digits, parse_constant=Digits
        )
    except (ValueError, RecursionError):
        raise IngestRefused("invalid_file", "The file is not valid JSON.") from None
    for item in items:
        yield text_of(item).encode("utf-8", "surrogatepass")


def _reject(
    context: Context, plain: Plain, rejected: Rejected, number: int, raw: bytes
) -> None:
    rejected.count += 1
    if len(rejected.rows) < context.limits.reported_rows:
        text = raw[:200].decode("utf-8", "replace").rstrip()
        rejected.rows.append(
            {
                "file": plain.name,
                "line": plain.dropped.line(number),
                "column": None,
                "reason": _reason(plain, raw),
                "text": text,
            }
        )


def _reason(plain: Plain, raw: bytes) -> str:
    if not is_utf8(raw):
        return unreadable(plain, raw)
    return "half of a character" if is_cut_text(raw) else "not a JSON object"


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
