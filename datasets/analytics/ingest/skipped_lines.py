"""Lines of a text that are no part of its table: those above it, and comments.

They are left out before anything is cut into cells. DuckDB would end a row at a
comment sign wherever it stands, and take a quote above the table for one of a cell.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from datasets.analytics.ingest.model import Options
from datasets.analytics.ingest.quotes import Quotes

_LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)")


@dataclass(frozen=True, slots=True)
class SkippedLines:
    """Positions of skipped lines, and the number of lines above the header.

    In the order of the file.
    """

    places: Sequence[int] = ()
    above: int = 0

    @property
    def comments(self) -> int:
        return len(self.places) - self.above

    def line(self, number: int) -> int:
        """Return the line number in the original file of a line that was kept."""
        return number + bisect_left(self.places, number)


def lines_above(options: Options) -> int:
    """Return how many lines to skip at the start, by the options."""
    return options.skip_lines + max((options.header_row or 1) - 1, 0)


def skipped_note(count: int, one: str, many: str) -> str:
    return f"1 {one} was skipped." if count == 1 else f"{count} {many} were skipped."


class LineSkipper:
    """Skips such lines, and turns every end of a row into a line feed."""

    def __init__(self, options: Options, quote: str) -> None:
        self._quotes = Quotes(quote, options.delimiter) if quote else None
        self._above = lines_above(options)
        self._comment = options.comment.encode()
        self._places: list[int] = []
        self._rest = b""
        self._seen = self._kept = 0

    def of(self, piece: bytes) -> bytes:
        r"""Return the lines that a piece completes, of which no \\r\\n is cut."""
        text = self._rest + piece
        lines = _LINE.findall(text)
        self._rest = text[sum(map(len, lines)) :]
        return b"".join(map(self._line, lines))

    def last(self) -> bytes:
        """Return the last line, which has no end."""
        return self._line(self._rest) if self._rest else b""

    def dropped(self) -> SkippedLines:
        return SkippedLines(self._places, min(self._above, len(self._places)))

    def _line(self, line: bytes) -> bytes:
        if self._quotes is None or not self._quotes.inside:
            self._seen += 1
            is_comment = bool(self._comment) and line.startswith(self._comment)
            if is_comment or self._seen <= self._above:
                self._places.append(self._kept)
                return b""
        self._kept += 1
        if self._quotes is not None:
            self._quotes.toggles(line)
            if self._quotes.inside:
                return line
        plain = line.rstrip(b"\r\n")
        return plain + b"\n" if len(plain) < len(line) else line
