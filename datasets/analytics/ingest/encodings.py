"""Detects the encoding of text that is not UTF-8, by decoding it.

Every candidate decodes the different words of the whole file; what comes out is
judged by the letters of the languages that are written in it. Several candidates that
give the same text are one. Where the best of the others is not far behind, nobody
guesses.

`charset-normalizer` was measured on the same words and left out: of 10 to 40 words
it named another text in a quarter of the cases, this module in none.
"""

import codecs
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from datasets.analytics.errors import IngestRefused
from datasets.analytics.ingest.letter_frequencies import (
    languages,
    letters,
    likelihood,
    spelling,
)

UTF8 = "utf-8"
DETECTED, OPTION = "the letters of its words", "option"
_WEST = ("de", "fr", "es", "it", "pt", "nl", "sv", "da", "nb", "fi", "is", "ca")
_MIDDLE = ("pl", "cs", "sk", "hu", "sl", "hr", "ro", "de")
_CYRILLIC = ("ru", "uk", "bg", "sr")
# The languages of each encoding, and how much likelier it is than others beforehand.
_CANDIDATES: dict[str, tuple[tuple[str, ...], float]] = {
    "cp949": (("ko",), 3),
    "cp932": (("ja",), 1),
    "euc_jp": (("ja",), -1),
    "gb18030": (("zh_Hans", "zh_Hant"), 1),
    "cp950": (("zh_Hant",), 0),
    "cp1252": (_WEST, 2),
    "cp1250": (_MIDDLE, 1),
    "cp1251": (_CYRILLIC, 1),
    "cp1253": (("el",), 0),
    "cp1254": (("tr",), 0),
    "cp1255": (("he",), 0),
    "cp1256": (("ar", "fa"), 0),
    "cp1257": (("lt", "lv", "et"), 0),
    "cp874": (("th",), 0),
    "koi8_u": (("ru", "uk", "bg"), -1),
    "cp866": (("ru", "bg"), -2),
    "iso8859-2": (_MIDDLE, -1),
    "mac_roman": (_WEST, -3),
    "cp850": (_WEST, -3),
    "cp852": (_MIDDLE, -3),
}
# Names that people use for a part of what their files hold, as browsers read them.
_WHOLE = {
    "ascii": "utf-8",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
}
_NO_TEXT = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape"})
# Letters of one text depend on each other: each counts for less than one.
_WEIGHT = 0.7
_BAD_WORD, _BAD_BYTE = -20.0, -8.0
_SURE, _LIKELY = 0.99, 0.01
_JOINED = 15.0
# Short lines of other encodings, such as Thai, are valid UTF-8 now and then.
_BY_CHANCE = 4.0
_SEGMENT_WORDS = 24
_FINALISTS = 5
# Bytes that no character of two bytes ends with: they part words in every encoding.
_WORD = re.compile(rb"[^\x00-\x2f\x3a-\x3f]*[\x80-\xff][^\x00-\x2f\x3a-\x3f]*")


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a file, why it is this one, and how sure that is, in [0, 1].

    `others` are the encodings that would give another text, with their shares.
    """

    name: str
    reason: str
    confidence: float = 1.0
    others: Mapping[str, float] = field(default_factory=dict)

    def report(self) -> dict[str, object]:
        return {
            "encoding": self.name,
            "encoding_by": self.reason,
            "confidence": self.confidence,
            "other_encodings": dict(self.others),
        }


def known_encoding(name: str) -> str:
    """Return the canonical name of an encoding. Raises LookupError."""
    found = codecs.lookup(name).name
    if found in _NO_TEXT:
        raise LookupError(name)
    try:
        "a".encode(found)
    except UnicodeError:
        raise LookupError(name) from None
    return _WHOLE.get(found, found)


class WordSample:
    """Distinct non-ASCII words, in the order of the file."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.found: dict[bytes, int] = {}

    def add(self, text: bytes, line: int, *, most: int) -> None:
        """Take up to `most` new words of a piece of text that begins in a line."""
        left = min(most, self._most - len(self.found))
        for match in _WORD.finditer(text):
            if left <= 0:
                return
            word = match[0]
            if word not in self.found:
                self.found[word] = line + text.count(b"\n", 0, match.start())
                left -= 1


@dataclass(frozen=True, slots=True)
class _Reading:
    """Some words decoded with one encoding."""

    name: str
    text: str
    score: float


def detect(words: WordSample) -> Encoding:
    """Detect the encoding of text that is not all UTF-8.

    Raises IngestRefused if the words do not decide it, or show two.
    """
    raw = list(words.found)
    readings = [_reading(name, raw) for name in (UTF8, *_CANDIDATES)]
    best = _different(readings)
    top = best[0]
    shares = [math.exp(reading.score - top.score) for reading in best]
    total = sum(shares)
    confidence = round(1 / total, 4)
    others = {
        reading.name: round(share / total, 4)
        for reading, share in zip(best[1:_FINALISTS], shares[1:], strict=False)
        if share / total >= 0.0001  # noqa: PLR2004 - what four digits show
    }
    if 1 / total < _SURE:
        likely = [name for name, share in others.items() if share >= _LIKELY]
        raise _unclear([top.name, *(likely or [best[1].name])], raw)
    _refuse_joined(words, top.name, [reading.name for reading in best[:_FINALISTS]])
    return Encoding(top.name, DETECTED, confidence, others)


def _different(readings: Iterable[_Reading]) -> list[_Reading]:
    """Return the readings, best first, each different text once."""
    by_text: dict[str, _Reading] = {}
    for reading in sorted(readings, key=lambda one: -one.score):
        by_text.setdefault(reading.text, reading)
    return list(by_text.values())


def _reading(name: str, words: Sequence[bytes]) -> _Reading:
    spoken, prior = _CANDIDATES.get(name, (languages(), 0.0))
    texts, score = [], 0.0
    for word in words:
        try:
            texts.append(word.decode(name))
        except UnicodeDecodeError:
            texts.append("\ufffd")
            score += _BAD_WORD + _BAD_BYTE * sum(byte > 0x7F for byte in word)  # noqa: PLR2004 - ASCII
    text = " ".join(texts)
    plain = text.replace("\ufffd", "")
    found = letters(plain)
    score += max(likelihood(found, language) for language in spoken)
    score += spelling(plain)
    return _Reading(name, text, score * _WEIGHT + prior)


def _refuse_joined(words: WordSample, chosen: str, names: Sequence[str]) -> None:
    """Refuse a file if a part is clearly in another encoding than the rest."""
    for part in _segments(list(words.found)):
        best = _different(_reading(name, part) for name in (*names, UTF8))[0]
        own = _reading(chosen, part)
        if best.name != chosen and best.score - own.score > _JOINED:
            line = words.found[part[0]]
            raise IngestRefused(
                "encoding_unclear",
                f"The file seems to be joined of parts in {chosen} and in {best.name}"
                f" (around line {line}). Convert them to one encoding, or say with"
                " the option encoding which lines are to be kept.",
                encodings=[chosen, best.name],
                line=line,
            )


def _segments(words: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    if len(words) < 2 * _SEGMENT_WORDS:
        return
    for start in range(0, len(words), _SEGMENT_WORDS):
        part = words[start : start + _SEGMENT_WORDS]
        if len(part) > _SEGMENT_WORDS // 2:
            yield part


def _unclear(names: Sequence[str], words: Sequence[bytes]) -> IngestRefused:
    shown = " or ".join(
        f"{name} ({words[0].decode(name, 'replace')[:40]!r})" for name in names
    )
    return IngestRefused(
        "encoding_unclear",
        f"The encoding cannot be told from so little text; it may be {shown}."
        " Say which with the option encoding.",
        encodings=list(names),
    )


def is_rather_utf8(line: bytes, name: str) -> bool:
    """Return whether a line of a file in another encoding is a line of UTF-8."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return False
    words = [word[0] for word in _WORD.finditer(line)]
    own = _reading(name, words).score - _CANDIDATES.get(name, ((), 0.0))[1]
    return _is_long(text) or _reading(UTF8, words).score > own + _BY_CHANCE


def _is_long(text: str) -> bool:
    """Return whether UTF-8 takes more than two bytes for three or more characters."""
    return sum(ord(char) > 0x7FF for char in text) >= 3  # noqa: PLR2004 - see above
