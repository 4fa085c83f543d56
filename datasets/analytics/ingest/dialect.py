"""What a CSV looks like: delimiter, header and width, found out on its first lines.

DuckDB's sniffer answers ragged rows by dropping the header and most rows without a
word, so the dialect is found here and given to it explicitly.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.plain import Plain

DELIMITERS = (",", "\t", ";", "|")
_HEAD_BYTES = 1 << 20
_HEAD_RECORDS = 2_000
_VALUE = re.compile(
    r"[-+]?(\d[\d,.]*|\.\d+)([eE][-+]?\d+)?%?"
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?"
    r"|true|false|nan|null|na|n/a|",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to cut a file into cells. `names` are the file's own, or made up."""

    delimiter: str
    has_header: bool
    names: tuple[str, ...]


def find_dialect(context: Context, plain: Plain) -> Dialect:
    """Return the dialect. Raises IngestRefused when the file is no table."""
    text = _head(plain.path)
    options = context.options
    delimiter = options.delimiter or _delimiter(text, prefers_tab=plain.format == "tsv")
    records = parse(text, delimiter)
    if not records:
        raise IngestRefused("no_rows", "The file holds no rows.")
    first, rest = records[0], records[1:]
    context.check_columns(len(first))
    width = Counter(map(len, rest)).most_common(1)[0][0] if rest else len(first)
    if width != len(first):
        raise IngestRefused(
            "invalid_file",
            f"The first line has {len(first)} cells but most rows have {width}.",
            line=1,
        )
    has_header = options.has_header
    if has_header is None:
        has_header = _looks_like_header(first)
    names = first if has_header else [f"column_{i + 1}" for i in range(width)]
    return Dialect(delimiter, has_header, tuple(names))


def parse(text: str, delimiter: str) -> list[list[str]]:
    """Return the complete records of a text, without empty lines."""
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        return [record for record in reader if record]
    except csv.Error:
        raise IngestRefused(
            "cell_too_large", "A cell of the first lines is too large."
        ) from None


def _head(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(_HEAD_BYTES)
        is_whole = not file.read(1)
    if not is_whole:
        raw = raw[: raw.rfind(b"\n") + 1] or raw
    return raw.decode("utf-8", "replace")


def _delimiter(text: str, *, prefers_tab: bool) -> str:
    """Return the delimiter that cuts most lines into the same number (> 1) of cells.

    Spaces part words too: they count only where nothing else does, and where they
    leave a table of values without a gap.
    """
    lines = text[: 256 << 10]
    order = ("\t", *DELIMITERS) if prefers_tab else DELIMITERS

    def consistency(delimiter: str) -> float:
        widths = Counter(map(len, parse(lines, delimiter)[:_HEAD_RECORDS]))
        if not widths:
            return 0.0
        width, count = widths.most_common(1)[0]
        return count / widths.total() if width > 1 else 0.0

    best = max(order, key=consistency)
    if consistency(best) > 0:
        return best
    return " " if _are_values_between_spaces(lines) else order[0]


def _are_values_between_spaces(lines: str) -> bool:
    records = parse(lines[: lines.rfind("\n") + 1], " ")[:_HEAD_RECORDS]
    widths = {len(record) for record in records}
    if len(widths) != 1 or widths == {1}:
        return False
    cells = (cell for record in records[1:] for cell in record)
    return len(records) > 1 and all(cell and _VALUE.fullmatch(cell) for cell in cells)


def _looks_like_header(first: Sequence[str]) -> bool:
    """Return whether no cell of the first line could be a value."""
    return not any(_VALUE.fullmatch(cell.strip()) for cell in first if cell.strip())
