"""Finds the first appended cell that does not fit the version's type."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from datasets.analytics.ingest.choices import grammar
from datasets.analytics.ingest.context import Context, Read, path_list
from datasets.analytics.ingest.json_copying import objects
from datasets.analytics.ingest.plain import Format, Plain
from datasets.analytics.ingest.quotes import Quotes
from datasets.analytics.ingest.rejects import line_ends
from datasets.analytics.ingest.rules import TEXT, decimal, trimmed
from datasets.analytics.sql import ROW_NUMBER, quote_ident, quote_literal

LINED = frozenset({Format.CSV, Format.TSV, Format.JSON_LINES})


@dataclass(frozen=True, slots=True)
class TypeMismatches:
    """Cells of a column `name` of type `kind` in a file, against the type `held`."""

    context: Context
    path: Path
    name: str
    kind: str
    held: str

    def first(self) -> tuple[int, str]:
        """Return position and text of the first one, or of the first cell."""
        cell = quote_ident(self.name)
        numbered = f"read_parquet({path_list([self.path])}, {ROW_NUMBER}=true)"
        for condition in (f"NOT ({self._fits(cell)})", "true"):
            found = self.context.cursor.rows(
                f"SELECT {ROW_NUMBER}, left({cell}::VARCHAR, 200) FROM {numbered}"  # noqa: S608
                f" WHERE {cell} IS NOT NULL AND {condition}"
                f" ORDER BY {ROW_NUMBER} LIMIT 1",
                {},
            )
            if found:
                return found[0]
        return 0, ""

    def _fits(self, cell: str) -> str:
        """Return the condition that a cell is one of the version's type."""
        held = self.held
        same = f"try_cast(try_cast({cell} AS {held}) AS {self.kind})"
        same = f"{same} IS NOT DISTINCT FROM"
        if self.kind != TEXT.type:
            return f"{same} {cell}"
        options = self.context.options
        rules = {rule.type: rule for rule in grammar(options).rules()}
        if found := re.fullmatch(r"DECIMAL\(38,(\d+)\)", held):
            rules[held] = decimal(int(found[1]))
        words = ", ".join(map(quote_literal, ("", *options.null_values)))
        fits = rules[held].fits(cell) if held in rules else f"{same} {cell}"
        return f"{trimmed(cell)} IN ({words}) OR {fits}"


def line_of(
    context: Context, plains: Sequence[Plain], read: Read, row: int
) -> int | None:
    """Return the line of a row of one text file of which every row was kept."""
    plain = plains[0]
    if plain.format not in LINED or len(plains) > 1 or read.rejected.count:
        return None
    lines = _rows(plain, read)
    if plain.format is Format.JSON_LINES:
        lines = (line for line, raw in objects(context, plain.path) if raw.strip())
    line = next(islice(lines, row, None), None)
    return None if line is None else plain.dropped.line(line)


def _rows(plain: Plain, read: Read) -> Iterator[int]:
    """Yield the line in which each row below the header begins, as an editor counts."""
    dialect, line = read.dialect, 1
    above = bool(dialect.get("header"))
    above += dialect.get("skip_lines", 0) - plain.dropped.above
    quote = dialect.get("quote", "")
    quotes = Quotes(quote, dialect.get("delimiter")) if quote else None
    with plain.path.open("rb") as file:
        for text in file:
            is_inside = quotes is not None and quotes.inside
            if quotes is not None and (is_inside or quotes.quote in text):
                quotes.toggles(text)
            if not is_inside and above:
                above -= 1
            elif not is_inside and (text.strip(b"\r\n") or len(read.names) == 1):
                yield line
            line += line_ends(text)
