"""Dialect detection of a CSV (delimiter, header, width) from its first lines.

DuckDB's sniffer answers ragged rows by dropping the header and most rows without a
word, so the dialect is found here and given to it explicitly.
"""

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.header import Look, look, names_the_columns
from datasets.analytics.ingest.model import Options
from datasets.analytics.ingest.plain import Format, Plain

DELIMITERS = (",", "\t", ";", "|")
_HEAD_BYTES = 1 << 20
_HEAD_RECORDS = 2_000
_MAX_CELL = 16 << 20
_EMPTY_LINES = re.compile("\ufeff?[\r\n]*")
# Excel writes this line above the header to name the delimiter.
_EXCEL_SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Dialect:
    """A CSV dialect. `names` are the file's own, or made up.

    `skip` lines come before the header, or before the first row without one (that of
    Excel, which names the delimiter); `quote` is empty where quotes are characters as
    others are. `empty_above` of the skipped lines are empty ones above the header.
    """

    delimiter: str
    has_header: bool = False
    names: tuple[str, ...] = ()
    quote: str = '"'
    skip: int = 0
    empty_above: int = 0

    @property
    def lines_above(self) -> int:
        """Number of lines that hold no row."""
        return self.skip + self.has_header


def find_dialect(context: Context, plain: Plain) -> Dialect:
    """Detect the dialect. Raises IngestRefused when the file is not a table."""
    options = context.options
    # Lines to skip and comments were left out before.
    options = replace(options, skip_lines=0, header_row=None, comment="")
    if plain.format == Format.XLSX:
        options = replace(options, delimiter=",")
    text, dialect = _start(_head(plain.path), options)
    delimiter = dialect.delimiter or _delimiter(text, prefers_tab=plain.format == "tsv")
    dialect = replace(dialect, delimiter=delimiter)
    records = parse(text, dialect)
    if not records:
        raise IngestRefused("no_rows", "The file holds no rows.")
    first, rest = records[0], records[1:]
    context.check_columns(len(first))
    width = Counter(map(len, rest)).most_common(1)[0][0] if rest else len(first)
    if width != len(first):
        raise IngestRefused(
            "invalid_file",
            f"The first line has {len(first)} cells but most rows have {width}.",
            line=plain.dropped.line(dialect.skip + 1),
        )
    has_header = options.has_header
    if has_header is None:
        has_header = names_the_columns(first, rest, options.null_values)
    names = first if has_header else [f"column_{i + 1}" for i in range(width)]
    # DuckDB takes the first line for the header, though it be empty.
    empty = _empty_lines(text) if has_header else 0
    return replace(
        dialect,
        has_header=has_header,
        names=_named(options, names),
        skip=dialect.skip + empty,
        empty_above=empty,
    )


def _empty_lines(text: str) -> int:
    """Count the empty lines that a text begins with."""
    found = _EMPTY_LINES.match(text)
    return found[0].count("\n") if found else 0


def _start(text: str, options: Options) -> tuple[str, Dialect]:
    """Return the text below the lines to skip, and what is known of the dialect."""
    skip, delimiter = 0, options.delimiter or ""
    if excel := _EXCEL_SEPARATOR.match(text):
        delimiter = delimiter or excel[1]
        skip, text = 1, text.partition("\n")[2]
    quote = '"' if options.quote is None else options.quote
    return text, Dialect(delimiter, quote=quote, skip=skip)


def _named(options: Options, names: list[str]) -> tuple[str, ...]:
    if not options.names:
        return tuple(names)
    if len(options.names) != len(names):
        raise IngestRefused.of_option(
            "names",
            f"{len(options.names)} names were given for {len(names)} columns.",
        )
    return options.names


def parse(text: str, dialect: Dialect) -> list[list[str]]:
    """Return the complete records of a text, without empty lines."""
    csv.field_size_limit(_MAX_CELL)
    try:
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=dialect.delimiter,
            quotechar=dialect.quote or None,
            quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
        )
        records = [record for record in reader if record]
    except csv.Error:
        raise IngestRefused(
            "cell_too_large", "A cell of the first lines is too large."
        ) from None
    return records


def _head(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(_HEAD_BYTES)
        is_whole = not file.read(1)
    if not is_whole:
        raw = raw[: raw.rfind(b"\n") + 1] or raw
    return raw.decode("utf-8", "replace")


def _delimiter(text: str, *, prefers_tab: bool) -> str:
    """Return the delimiter that splits most lines into the same number (> 1) of cells.

    Spaces separate words too: they count only if nothing else does, and if they leave a
    table of values without gaps.
    """
    lines = text[: 256 << 10]
    order = ("\t", *DELIMITERS) if prefers_tab else DELIMITERS

    def consistency(delimiter: str) -> float:
        records = parse(lines, Dialect(delimiter))
        widths = Counter(map(len, records[:_HEAD_RECORDS]))
        if not widths:
            return 0.0
        width, count = widths.most_common(1)[0]
        return count / widths.total() if width > 1 else 0.0

    best = max(order, key=consistency)
    if consistency(best) > 0:
        return best
    return " " if _are_values_between_spaces(lines) else order[0]


def _are_values_between_spaces(lines: str) -> bool:
    records = parse(lines[: lines.rfind("\n") + 1], Dialect(" "))
    records = records[:_HEAD_RECORDS]
    widths = {len(record) for record in records}
    if len(widths) != 1 or widths == {1}:
        return False
    cells = (cell for record in records[1:] for cell in record)
    return len(records) > 1 and all(
        cell and look(cell) is not Look.TEXT for cell in cells
    )
