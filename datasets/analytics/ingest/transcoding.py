"""How a text becomes UTF-8 with one kind of line end, and what of it does not."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.encodings import JUDGED, OPTION, UTF8, is_rather_utf8
from datasets.analytics.ingest.text import (
    CHUNK_BYTES,
    LONGEST_LINE,
    TextFacts,
    is_utf8,
    quote_of,
    scan_utf8,
)

_FOREIGN_LINES = 1_000
# A byte that no UTF-8 has: its line is rejected by whoever reads it.
_BAD = "\udcff"
_NOT_ASCII = re.compile("[^\\x00-\\x7f]")
_BAD_HANDLER = "datasets.bad-byte"
codecs.register_error(_BAD_HANDLER, lambda error: (_BAD, _end_of(error)))


def _end_of(error: UnicodeError) -> int:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - only decoders ask
    return error.end


def transcode(context: Context, path: Path, facts: TextFacts) -> tuple[Path, TextFacts]:
    """Write the file again as UTF-8 with one kind of line end.

    Bytes that are not in the encoding become one that no UTF-8 has, so that their
    lines are rejected; so do zero bytes, and lines of UTF-8 in a file of another
    encoding.
    """
    target = context.temporary / f"{path.name}.utf8"
    plain = _LineEnds(quote_of(context))
    held = ""
    with path.open("rb") as file, target.open("wb") as out:
        for piece in _decoded(file, facts):
            text = (held + piece).replace("\0", _BAD)
            held = "\r" if text.endswith("\r") else ""
            text = plain.of(text.removesuffix("\r") if held else text)
            out.write(text.encode(UTF8, "surrogateescape"))
        out.write(plain.of(held).encode(UTF8, "surrogateescape"))
    context.bytes_read = 0
    rewritten = scan_utf8(context, target)
    return target, replace(
        rewritten, encoding=facts.encoding, mixes_line_ends=False, found=facts.found
    )


def _decoded(file: BinaryIO, facts: TextFacts) -> Iterator[str]:
    if facts.found.reason in {JUDGED, OPTION} and _keeps_ascii(facts.encoding):
        foreign = _ForeignLines(facts.encoding)
        while chunk := file.read(CHUNK_BYTES):
            chunk += b"" if chunk.endswith(b"\n") else file.readline(LONGEST_LINE)
            yield foreign.without(chunk)
        return
    decoder = codecs.getincrementaldecoder(facts.encoding)(_BAD_HANDLER)
    while chunk := file.read(CHUNK_BYTES):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


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

    def __init__(self, quote: str) -> None:
        self._quote = quote
        self._in_quotes = False

    def of(self, text: str) -> str:
        r"""Return the next piece of the text, of which no \\r\\n is cut."""
        if not self._quote:
            return _line_feeds(text)
        parts = text.split(self._quote)
        for index in range(self._in_quotes, len(parts), 2):
            parts[index] = _line_feeds(parts[index])
        self._in_quotes ^= len(parts) % 2 == 0
        return self._quote.join(parts)


def _line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
