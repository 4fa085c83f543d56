"""Transcoding of a text to UTF-8 with one line end, and the lines that fail."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.encodings import DETECTED, OPTION, UTF8, is_rather_utf8
from datasets.analytics.ingest.model import Options
from datasets.analytics.ingest.quotes import Quotes
from datasets.analytics.ingest.skipped_lines import (
    LineSkipper,
    SkippedLines,
    lines_above,
)
from datasets.analytics.ingest.text import (
    CHUNK_BYTES,
    LONGEST_LINE,
    TextFacts,
    is_utf8,
    quote_of,
    scan_utf8,
)

_FOREIGN_LINES = 1_000
_BEGINNING = 64 << 10
# A byte that no UTF-8 has: its line is rejected by whoever reads it.
_BAD = "\udcff"
# What stands for a NUL byte in a text that was written again.
NUL_BYTE = b"\xfe"
_NUL = "\udcfe"
_NOT_ASCII = re.compile("[^\\x00-\\x7f]")
_BAD_HANDLER = "datasets.bad-byte"
codecs.register_error(_BAD_HANDLER, lambda error: (_BAD, _end_of(error)))


def _end_of(error: UnicodeError) -> int:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - only decoders ask
    return error.end


def transcode(
    context: Context, path: Path, facts: TextFacts, *, is_table: bool
) -> tuple[Path, TextFacts, SkippedLines]:
    """Write the file again as UTF-8 with one kind of line end.

    Without the lines that a person said to be none of its own. Quotes of JSON hold
    no line ends.

    Bytes that are not in the encoding become one that no UTF-8 has, so that their
    lines are rejected; so do NUL bytes, and lines of UTF-8 in a file of another
    encoding.
    """
    target = context.temporary / f"{path.name}.utf8"
    plain, held, nul_bytes = _cleaner(context, is_table=is_table), "", 0
    with path.open("rb") as file, target.open("wb") as out:
        for piece in _decoded(file, facts):
            nul_bytes += piece.count("\0")
            text = (held + piece).replace("\0", _NUL)
            held = "\r" if text.endswith("\r") else ""
            text = text.removesuffix("\r") if held else text
            out.write(plain.of(text.encode(UTF8, "surrogateescape")))
        out.write(plain.of(held.encode()) + plain.last())
    context.bytes_read = 0
    rewritten = scan_utf8(context, target)
    known = replace(
        rewritten,
        encoding=facts.encoding,
        nul_bytes=nul_bytes,
        mixes_line_ends=False,
        found=facts.found,
    )
    return target, known, plain.dropped()


def skips_lines(options: Options) -> bool:
    """Whether the options exclude some lines from the table."""
    return bool(options.comment) or lines_above(options) > 0


def beginning(context: Context, path: Path, facts: TextFacts) -> bytes:
    """Return the start of a text below the lines that are left out."""
    cleaner = LineSkipper(context.options, "")
    with path.open("rb") as file:
        text = next(_decoded(file, facts), "")
    start = text[:_BEGINNING].encode(UTF8, "surrogateescape")
    return cleaner.of(start) + cleaner.last()


def _cleaner(context: Context, *, is_table: bool) -> "LineSkipper | _LineEnds":
    quote = quote_of(context) if is_table else ""
    if skips_lines(context.options):
        return LineSkipper(context.options, quote)
    return _LineEnds(quote, context.options.delimiter)


def _decoded(file: BinaryIO, facts: TextFacts) -> Iterator[str]:
    if facts.found.reason in {DETECTED, OPTION} and _keeps_ascii(facts.encoding):
        foreign = _ForeignLines(facts.encoding)
        while chunk := file.read(CHUNK_BYTES):
            chunk += b"" if chunk.endswith(b"\n") else file.readline(LONGEST_LINE)
            yield foreign.without(chunk)
        return
    decoder = codecs.getincrementaldecoder(facts.encoding)(_BAD_HANDLER)
    try:
        while chunk := file.read(CHUNK_BYTES):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
    except UnicodeError:
        # What no handler of bad bytes is asked about: UTF-16 and -32 without a mark.
        raise IngestRefused(
            "invalid_file",
            f"The file does not begin with the byte order mark of {facts.encoding}.",
        ) from None


def _keeps_ascii(encoding: str) -> bool:
    """Return whether each byte of ASCII is itself and changes no other."""
    plain = bytes(range(128))
    if encoding.startswith(("utf", "iso2022", "hz")):
        return False
    try:
        return plain.decode(encoding) == plain.decode("ascii")
    except UnicodeDecodeError:
        return False


class _ForeignLines:
    """Finds the lines of UTF-8 in a file of another encoding, which are unreadable."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._found = self._judged = 0

    def without(self, chunk: bytes) -> str:
        """Decode whole lines; those of UTF-8 among them become unreadable."""
        if chunk.isascii():
            return chunk.decode("ascii")
        lines = chunk.split(b"\n")
        foreign = {index for index, line in enumerate(lines) if self._is_foreign(line)}
        if not foreign:
            return chunk.decode(self._encoding, _BAD_HANDLER)
        return "\n".join(
            _NOT_ASCII.sub(_BAD, line.decode())
            if index in foreign
            else line.decode(self._encoding, _BAD_HANDLER)
            for index, line in enumerate(lines)
        )

    def _is_foreign(self, line: bytes) -> bool:
        if line.isascii() or not is_utf8(line):
            return False
        # A file that is all UTF-8 need not be judged line by line to its end.
        if self._found >= _FOREIGN_LINES and self._found == self._judged:
            return True
        self._judged += 1
        is_foreign = is_rather_utf8(line, self._encoding)
        self._found += is_foreign
        return is_foreign


class _LineEnds:
    """Makes every end of a line a line feed, and leaves those inside cells."""

    def __init__(self, quote: str, delimiter: str | None) -> None:
        self._quotes = Quotes(quote, delimiter) if quote else None

    def of(self, piece: bytes) -> bytes:
        r"""Return the next piece of the text, of which no \\r\\n is cut."""
        if self._quotes is None:
            return _line_feeds(piece)
        parts, is_inside = self._quotes.parts(piece)
        for index in range(is_inside, len(parts), 2):
            parts[index] = _line_feeds(parts[index])
        return self._quotes.quote.join(parts)

    def last(self) -> bytes:
        return b""

    def dropped(self) -> SkippedLines:
        return SkippedLines()


def _line_feeds(piece: bytes) -> bytes:
    return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
