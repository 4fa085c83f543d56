"""What a text file is made of: encoding, lines, quotes; and how to make it UTF-8."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.context import Context

# Small enough that all looks at a chunk but the first find it in the CPU's cache.
CHUNK_BYTES = 256 << 10
_LONGEST_LINE = 16 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MOSTLY_UTF8 = 0.01
_LINE_FEED = 10


@dataclass(frozen=True, slots=True)
class TextFacts:
    """Facts of a whole text file. `bad_lines` are not in its encoding.

    `lines` counts line ends outside quotes, and an unfinished last line.
    """

    encoding: str
    lines: int = 0
    bad_lines: int = 0
    has_quotes: bool = False
    has_nul: bool = False
    mixes_line_ends: bool = False

    @property
    def needs_rewriting(self) -> bool:
        return self.encoding != "utf-8" or self.mixes_line_ends


def scan(context: Context, path: Path) -> TextFacts:
    """Read a file once and say what it is made of.

    Raises IngestRefused when the encoding that was asked for is unknown.
    """
    encoding = _declared(context.options.encoding, _start(path))
    if encoding not in {None, "utf-8"}:
        return TextFacts(str(encoding), mixes_line_ends=True)
    facts = _scan_utf8(context, path)
    if not facts.bad_lines or encoding == "utf-8":
        return facts
    # A few bad lines of many: they are rejected, the file is UTF-8. Otherwise the
    # Korean code page, when every byte fits, then the one where every byte fits.
    if facts.bad_lines <= max(1, facts.lines * _MOSTLY_UTF8) and _has_utf8(path):
        return facts
    other = "cp949" if _decodes(path, "cp949") else "latin-1"
    return replace(facts, encoding=other)


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(CHUNK_BYTES)


def _declared(asked: str | None, start: bytes) -> str | None:
    for mark, name in _BOMS:
        if start.startswith(mark):
            return name
    if asked:
        try:
            return codecs.lookup(asked).name
        except LookupError:
            raise IngestRefused(
                "invalid_encoding", "The encoding is not known.", encoding=asked[:40]
            ) from None
    # UTF-16 without a mark: every other byte of plain text is NUL.
    even, odd = start[:4096:2].count(0), start[1:4096:2].count(0)
    few = max(len(start[:4096]) // 8, 1)
    if odd > few > even:
        return "utf-16-le"
    if even > few > odd:
        return "utf-16-be"
    return None


def _scan_utf8(context: Context, path: Path) -> TextFacts:
    lines = bad = returns = bare = 0
    quote = quote_of(context).encode()
    in_quotes = has_quotes = has_nul = False
    last = b"\n"
    for chunk in _line_chunks(path):
        context.bytes_read += len(chunk)
        outside = chunk
        if quote and quote in chunk:
            has_quotes = True
            parts = chunk.split(quote)
            # A line end in a cell ends no line.
            outside = b" ".join(parts[in_quotes::2])
            in_quotes ^= len(parts) % 2 == 0
        lines += _line_ends(outside)
        if b"\r" in outside:
            ended = outside.count(b"\r\n")
            returns += ended
            bare += outside.count(b"\r") - ended
        has_nul = has_nul or b"\0" in chunk
        bad += 0 if chunk.isascii() else _bad_lines(chunk)
        last = chunk[-1:]
    mixes = bare > 0 or 0 < returns < lines
    lines += last != b"\n"
    return TextFacts("utf-8", lines, bad, has_quotes, has_nul, mixes)


def _line_ends(chunk: bytes) -> int:
    """Count faster than bytes do, of which most are found one by one."""
    return int(np.count_nonzero(np.frombuffer(chunk, np.uint8) == _LINE_FEED))


def _line_chunks(path: Path) -> Iterator[bytes]:
    """Yield chunks that end at a line end, so that no character is cut."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            if not chunk.endswith(b"\n"):
                chunk += file.readline(_LONGEST_LINE)
            yield chunk


def _bad_lines(chunk: bytes) -> int:
    try:
        chunk.decode()
    except UnicodeDecodeError:
        return sum(not _is_utf8(line) for line in chunk.split(b"\n"))
    return 0


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _has_utf8(path: Path) -> bool:
    """Return whether any line proves UTF-8: beyond ASCII, and valid."""
    return any(
        not line.isascii() and _is_utf8(line)
        for chunk in _line_chunks(path)
        if not chunk.isascii()
        for line in chunk.split(b"\n")
    )


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def transcode(context: Context, path: Path, facts: TextFacts) -> tuple[Path, TextFacts]:
    """Write the file again as UTF-8 with one kind of line end.

    Bytes that are not in the encoding stay recognisable (U+FFFD) where the file is
    not UTF-8 itself. Raises IngestRefused when it is cut off in a character.
    """
    target = context.temporary / f"{path.name}.utf8"
    errors = "surrogateescape" if facts.encoding == "utf-8" else "strict"
    plain = _LineEnds(quote_of(context))
    decoder = codecs.getincrementaldecoder(facts.encoding)(errors)
    held = ""
    try:
        with path.open("rb") as file, target.open("wb") as out:
            while chunk := file.read(CHUNK_BYTES):
                text = held + decoder.decode(chunk)
                held = "\r" if text.endswith("\r") else ""
                text = plain.of(text.removesuffix("\r") if held else text)
                out.write(text.encode("utf-8", errors))
            text = plain.of(held + decoder.decode(b"", final=True))
            out.write(text.encode("utf-8", errors))
    except UnicodeDecodeError:
        raise IngestRefused(
            "invalid_encoding", f"The file is not in the encoding {facts.encoding}."
        ) from None
    context.bytes_read = 0
    rewritten = _scan_utf8(context, target)
    return target, replace(rewritten, encoding=facts.encoding, mixes_line_ends=False)


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


def quote_of(context: Context) -> str:
    """Return the character that encloses cells, nothing where none does."""
    given = context.options.quote
    return '"' if given is None else given
