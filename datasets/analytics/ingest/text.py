"""Scan of a text file: encoding, lines, quotes."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.encodings import (
    OPTION,
    UTF8,
    Encoding,
    WordSample,
    detect,
    known_encoding,
)
from datasets.analytics.ingest.quotes import Quotes
from datasets.analytics.ingest.rules import OVERLOOKED

# Small enough that all looks at a chunk but the first find it in the CPU's cache.
CHUNK_BYTES = 256 << 10
LONGEST_LINE = 16 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", UTF8),
    (codecs.BOM_UTF32_LE, "utf-32", "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32", "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16", "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16", "utf-16-be"),
)
_UNMARKED = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_JUDGED_WORDS = 4_000
_LEAST_WORDS = 20
_LINE_FEED = 10
_ODD = set(OVERLOOKED) - set(b"\r\n")
_MOSTLY_UTF8 = 9
_MANY_NUL = 1
_MANY_NUL_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Facts of a whole text file. `bad_lines` are not in its encoding.

    `lines` counts line ends outside quotes, and an unfinished last line. `is_clean`
    says that no cell can hold a character that casts to numbers overlook; `line_end`
    is what ends rows, as DuckDB writes it.
    """

    encoding: str
    lines: int = 0
    bad_lines: int = 0
    has_quotes: bool = False
    nul_bytes: int = 0
    mixes_line_ends: bool = False
    has_escapes: bool = False
    line_end: str = "\\n"
    found: Encoding = field(default_factory=lambda: Encoding(UTF8, "all bytes"))
    is_clean: bool = False

    @property
    def needs_rewriting(self) -> bool:
        return self.encoding != UTF8 or self.mixes_line_ends or self.nul_bytes > 0

    @property
    def is_binary(self) -> bool:
        """Whether it has more NUL bytes than a text that was damaged."""
        return self.nul_bytes > max(_MANY_NUL, self.lines * _MANY_NUL_SHARE)


def scan(context: Context, path: Path) -> TextFacts:
    """Read a file once, or twice if it is not UTF-8; return its facts.

    Raises IngestRefused when the requested encoding is unknown, or when none was
    requested and the text does not decide it.
    """
    declared = _declared(context.options.encoding, _start(path))
    if declared is not None and declared.name != UTF8:
        return TextFacts(declared.name, mixes_line_ends=True, found=declared)
    facts = scan_utf8(context, path)
    if declared is not None:
        return replace(facts, found=declared)
    if facts.has_escapes and (name := _with_escapes(_start(path))):
        found = Encoding(name, "escape sequences")
        return TextFacts(name, mixes_line_ends=True, found=found)
    if not facts.bad_lines or facts.is_binary:
        return facts
    if _is_mostly_utf8(path, facts.bad_lines):
        return replace(facts, found=Encoding(UTF8, "nearly all lines"))
    found = detect(_words(path))
    return replace(facts, encoding=found.name, found=found)


def _is_mostly_utf8(path: Path, bad_lines: int) -> bool:
    """Return whether many more lines beyond ASCII are UTF-8 than are not."""
    good = 0
    for chunk in _line_chunks(path):
        if not chunk.isascii():
            lines = chunk.split(b"\n")
            good += sum(not line.isascii() and is_utf8(line) for line in lines)
        if good > bad_lines * _MOSTLY_UTF8:
            return True
    return False


def _words(path: Path) -> WordSample:
    """Return words of the whole file, of each part of it as many as of the others."""
    words = WordSample(_JUDGED_WORDS)
    chunks = path.stat().st_size // CHUNK_BYTES + 1
    each = max(_JUDGED_WORDS // chunks, _LEAST_WORDS)
    step = max(chunks * each // _JUDGED_WORDS, 1)
    line = 1
    for index, chunk in enumerate(_line_chunks(path)):
        if index % step == 0 and not chunk.isascii():
            words.add(chunk, line, most=each * step)
        line += _line_ends(chunk)
    return words


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(CHUNK_BYTES)


def _declared(requested: str | None, start: bytes) -> Encoding | None:
    """Return the encoding by option, byte order mark or UTF-16's form; else None."""
    marked = next((names for mark, *names in _BOMS if start.startswith(mark)), None)
    if requested:
        name = _known_name(requested)
        if marked is None:
            return Encoding(name, OPTION)
        if name not in {*marked, UTF8 if marked[1] == UTF8 else marked[0]}:
            raise IngestRefused(
                "invalid_encoding",
                f"The file begins with the mark of {marked[1]}; it is not {name}.",
                encodings=[marked[1]],
            )
        return Encoding(marked[0], OPTION)
    if marked is not None:
        return Encoding(marked[0], "byte order mark")
    unmarked = _without_mark(start[:65_536])
    return Encoding(unmarked, "zero bytes") if unmarked else None


def _known_name(name: str) -> str:
    try:
        return known_encoding(name)
    except LookupError:
        raise IngestRefused(
            "invalid_encoding", "The encoding is not known.", encoding=name[:40]
        ) from None


def _with_escapes(start: bytes) -> str | None:
    """Return the seven-bit encoding with escape sequences of a text, or None."""
    for name in ("iso2022_jp_2", "iso2022_kr"):
        try:
            text = codecs.getincrementaldecoder(name)().decode(start)
        except UnicodeDecodeError:
            continue
        if start.isascii() and not text.isascii():
            return name
    return None


def _without_mark(start: bytes) -> str | None:
    """Return which UTF-16 or UTF-32 a text without byte order mark is in, or None.

    It is the one in which all characters are plausible and most are ASCII (line ends,
    separators and digits are, in any language).
    """
    if b"\0" not in start:
        return None
    plain = {name: _plain_characters(start, name) for name in _UNMARKED}
    best = max(_UNMARKED, key=lambda name: plain[name])
    return best if plain[best] > 0 else None


def _plain_characters(start: bytes, name: str) -> int:
    decoder = codecs.getincrementaldecoder(name)("replace")
    text = decoder.decode(start)
    odd = sum(not char.isprintable() and char not in "\t\r\n\x0c" for char in text)
    odd += text.count("\ufffd")
    if not text or odd > len(text) * _MANY_NUL_SHARE:
        return 0
    return sum(char.isascii() for char in text)


def scan_utf8(context: Context, path: Path) -> TextFacts:
    lines = bad = returns = bare = 0
    quote = quote_of(context)
    quotes = Quotes(quote, context.options.delimiter) if quote else None
    nul_bytes = 0
    has_escapes = False
    has_quotes = has_odd = False
    last = b"\n"
    for chunk in _line_chunks(path):
        context.bytes_read += len(chunk)
        outside = chunk
        if quotes is not None and (quotes.inside or quotes.quote in chunk):
            has_quotes = True
            # A line end in a cell ends no line.
            parts, is_inside = quotes.parts(chunk)
            outside = b" ".join(parts[is_inside::2])
        lines += _line_ends(outside)
        if b"\r" in outside:
            ended = outside.count(b"\r\n")
            returns += ended
            bare += outside.count(b"\r") - ended
        has_escapes = has_escapes or b"\x1b" in chunk
        nul_bytes += chunk.count(0) if b"\0" in chunk else 0
        has_odd = has_odd or any(byte in chunk for byte in _ODD)
        bad += 0 if chunk.isascii() else _bad_lines(chunk)
        last = chunk[-1:]
    mixes = bare > 0 or 0 < returns < lines
    lines += last != b"\n"
    # Without quotes a line end is no part of a cell.
    is_clean = not (has_quotes or has_odd)
    return TextFacts(
        UTF8,
        lines,
        bad,
        has_quotes,
        nul_bytes,
        mixes,
        has_escapes,
        line_end="\\r\\n" if returns and not mixes else "\\n",
        is_clean=is_clean,
    )


def _line_ends(chunk: bytes) -> int:
    """Count faster than bytes do, of which most are found one by one."""
    return int(np.count_nonzero(np.frombuffer(chunk, np.uint8) == _LINE_FEED))


def _line_chunks(path: Path) -> Iterator[bytes]:
    """Yield chunks that end at a line end, so that no character is cut."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if not chunk.endswith(b"\n"):
                chunk += file.readline(LONGEST_LINE)
            yield chunk


def _bad_lines(chunk: bytes) -> int:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return sum(not is_utf8(line) for line in chunk.split(b"\n"))
    return 0


def is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def quote_of(context: Context) -> str:
    """Return the character that encloses cells, nothing where none does."""
    given = context.options.quote
    return '"' if given is None else given
