"""The types of CSV columns, found on lines from the whole file.

Looking at the first lines only, an integer column that turns into decimals later
would lose every later row.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from datasets.analytics.ingest.context import Context, path_list
from datasets.analytics.ingest.dialect import Dialect, parse
from datasets.analytics.sql import quote_literal

_MAX_CELLS = 1_000_000
_MAX_ROWS = 20_000
_SLICES = 24
_SLICE_BYTES = 64 << 10
_HEAD_SHARE = 4
CANDIDATES = ("BOOLEAN", "BIGINT", "DOUBLE", "TIME", "DATE", "TIMESTAMP", "VARCHAR")
# A code such as the ticker 005930 is not the number 5930.
_CODE = re.compile(r"[-+]?0\d+")
# A double holds 15 digits; longer identifiers would be changed.
_LONG_INTEGER = re.compile(r"[-+]?\d{16,}")
_ISO_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_ISO_TIMESTAMP = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([ T].*)?")
_DATE_FORMATS = ("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%Y.%m.%d")


@dataclass(slots=True)
class ColumnTypes:
    """DuckDB types in column order, one date format for all, and what was noted."""

    types: list[str]
    date_format: str | None = None
    notes: list[str] = field(default_factory=list)


def find_types(
    context: Context, paths: Sequence[Path], dialect: Dialect, names: Sequence[str]
) -> ColumnTypes:
    """Return types that hold for a sample of lines from everywhere in the files."""
    records = _sampled(paths, dialect)
    sample = context.temporary / "sample.csv"
    with sample.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_MINIMAL).writerows(records)
    nulls = _list(context.options.null_values)
    described = context.cursor.rows(
        f"DESCRIBE SELECT * FROM read_csv({path_list([sample])}, delim=',',"  # noqa: S608
        " quote='\"', escape='\"', header=false, sample_size=-1, strict_mode=false,"
        f" names={_list([f'c{i}' for i in range(len(names))])}, nullstr={nulls},"
        f" auto_type_candidates={_list(CANDIDATES)}, max_line_size=16000000)"
        if records
        else f"SELECT 'c' || i, 'VARCHAR' FROM range({len(names)}) t(i)",  # noqa: S608
        {},
    )
    found = ColumnTypes([row[1] for row in described])
    found.types = [
        "VARCHAR" if name in {'"NULL"', "NULL"} else name for name in found.types
    ]
    missing = set(context.options.null_values)
    for position, name in enumerate(names):
        values = [
            record[position] for record in records if record[position] not in missing
        ]
        _correct(found, position, name, values)
    return found


def _correct(
    found: ColumnTypes, position: int, name: str, values: Sequence[str]
) -> None:
    """Take back a type that would change what the file says."""
    kind, why = found.types[position], ""
    if kind == "BIGINT" and any(map(_CODE.fullmatch, values)):
        why = "leading zeros"
    elif kind == "DOUBLE" and any(map(_LONG_INTEGER.fullmatch, values)):
        why = "integers of more than 15 digits"
    elif kind == "DATE" and not all(map(_ISO_DATE.fullmatch, values)):
        why = _choose_date_format(found, values)
    elif kind.startswith("TIMESTAMP") and not all(map(_ISO_TIMESTAMP.match, values)):
        why = "times that are not ISO 8601"
    if why:
        found.types[position] = "VARCHAR"
        found.notes.append(f"{name}: kept as text because of {why}.")


def _choose_date_format(found: ColumnTypes, values: Sequence[str]) -> str:
    """Take the only date format that fits; return why there is none."""
    fitting = [form for form in _DATE_FORMATS if _all_parse(values, form)]
    if len(fitting) != 1:
        return "dates whose order of day and month is not certain"
    if found.date_format not in {None, fitting[0]}:
        return "a second format of dates"
    found.date_format = fitting[0]
    return ""


def _all_parse(values: Sequence[str], form: str) -> bool:
    try:
        for value in values:
            datetime.strptime(value, form)  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return False
    return True


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(map(quote_literal, texts)) + "]"


def _sampled(paths: Sequence[Path], dialect: Dialect) -> list[list[str]]:
    """Return complete records from the beginning and from slices of every file."""
    width = len(dialect.names)
    most = max(min(_MAX_ROWS, _MAX_CELLS // width), 100)
    records: list[list[str]] = []
    for path in paths:
        share = most // len(paths)
        size = path.stat().st_size
        start = _records(path, 0, max(_SLICE_BYTES, 4 << 20), dialect.delimiter)
        if dialect.has_header:
            start = start[1:]
        records += start[: share // 2 if size > 4 << 20 else share]
        for index in range(1, _SLICES if size > 4 << 20 else 1):
            offset = size * index // _SLICES
            found = _records(path, offset, _SLICE_BYTES, dialect.delimiter)
            records += found[: share // 2 // _SLICES]
    return [record for record in records if len(record) == width]


def _records(path: Path, offset: int, size: int, delimiter: str) -> list[list[str]]:
    with path.open("rb") as file:
        file.seek(offset)
        raw = file.read(size)
        is_last = not file.read(1)
    start = raw.find(b"\n") + 1 if offset else 0
    end = len(raw) if is_last else raw.rfind(b"\n") + 1
    return parse(raw[start:end].decode("utf-8", "replace"), delimiter)
