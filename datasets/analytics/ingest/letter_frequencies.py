"""Likelihood of a text in a language, by the frequencies of its non-ASCII letters.

`letter_frequencies.json` has, by language, the letters whose probability is about
2^-n, under n.
They are counted in the catalogues of Django and its apps, in the names and words of
Faker and in CLDR, each of the three with the same weight; cased ones as small letters,
because case is judged by the pattern of a word. `signs` are those of any text.
"""

import json
import math
import re
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

_WORD = re.compile(r"[^\W\d_]+")
# Natural logarithms of probabilities, set so that what a page has none of costs more
# than a rare letter, and nonsense more than a rare sign.
_RARE, _MARK, _STRANGE, _SYMBOL, _IMPOSSIBLE = -12.0, -7.5, -16.0, -12.0, -30.0
_LATIN = range(0x250)
_THAI_SIGNS = range(0xE31, 0xE4F)
_BEFORE_HANGUL = range(0x1100)
_HANGUL = range(0xAC00, 0xD7A4)
_HAN = range(0x4E00, 0xA000)
_KANA = range(0x3040, 0x3100)
_FULL_WIDTH = range(0xFF01, 0xFF5F)
_EAST = frozenset({"ko", "ja", "zh_Hans", "zh_Hant"})
_BLOCKS = (
    (0x0370, "Greek"),
    (0x0400, "Cyrillic"),
    (0x0590, "Hebrew"),
    (0x0600, "Arabic"),
    (0x0E00, "Thai"),
    (0x0E80, ""),
)


@cache
def _read() -> dict[str, Any]:
    return dict(
        json.loads(Path(__file__).with_name("letter_frequencies.json").read_bytes())
    )


@cache
def _signs(kind: str) -> frozenset[str]:
    """Return signs of text: `quotes`, `marks` of the west or `wide` of the east."""
    return frozenset(_read()["signs"][kind])


@cache
def _table() -> dict[str, dict[str, float]]:
    return {
        language: {
            letter: -int(level) * math.log(2)
            for level, letters in levels.items()
            for letter in letters
        }
        for language, levels in _read()["letters"].items()
    }


def languages() -> tuple[str, ...]:
    """Return the languages that are known, by their codes."""
    return tuple(_table())


def likelihood(counts: Counter[str], language: str) -> float:
    """Return the log-likelihood of letters beyond ASCII, of which case is folded."""
    return sum(count * _letter(char, language) for char, count in counts.items())


@cache
def _letter(char: str, language: str) -> float:
    known = _table()[language].get(char)
    if known is not None:
        return known
    category = unicodedata.category(char)
    if category in {"Cc", "Cn", "Co", "Cs"}:
        return _IMPOSSIBLE
    if language in _EAST:
        return _eastern(ord(char), char, category, language)
    if char in _signs("marks"):
        return _MARK + 5.5 * (char in _signs("quotes"))
    return _RARE - 1 if category[0] == "L" else _SYMBOL


def _eastern(code: int, char: str, category: str, language: str) -> float:
    if char in _signs("wide") or char in _signs("marks"):
        return _MARK
    if code in _FULL_WIDTH:
        return _MARK - 1.5
    if code in _HANGUL and language == "ko":
        return _RARE + 1.5
    if code in _HAN:
        return _RARE - (language == "ko")
    if code in _KANA and language == "ja":
        return _MARK - 1.5
    return _SYMBOL if category[0] in "SPN" else _STRANGE


def letters(text: str) -> Counter[str]:
    """Return the characters beyond ASCII, of which case is folded."""
    return Counter(char for char in text.lower() if not char.isascii())


def spelling(text: str) -> float:
    """Return the log-likelihood of the patterns of case and script in the words."""
    total = 0.0
    for word in _WORD.findall(text):
        if word.isascii():
            continue
        total += _pattern(word)
        if len({_script(char) for char in word}) > 1:
            total -= 8
    total -= 9 * len(_inside_words().findall(text))
    for before, char in zip(" " + text, text, strict=False):
        # A vowel sign of Thai or Hebrew on a letter of another script.
        if unicodedata.combining(char) or ord(char) in _THAI_SIGNS:
            total -= 8 * (_script(before) != _script(char))
    return total


@cache
def _inside_words() -> re.Pattern[str]:
    """Return what finds signs where letters should be.

    An apostrophe has its place before the endings of English and after the articles
    of French and Italian.
    """
    letter = r"[^\W\d_]"
    inside = re.escape("".join(_signs("marks") - {"\u2019", "·"}))
    opening, closing = _read()["signs"]["opening"], _read()["signs"]["closing"]
    return re.compile(
        rf"(?<={letter})[{inside}](?={letter})|(?<={letter})[{opening}]"
        rf"|[{closing}](?={letter})"
        rf"|(?<={letter})(?<!\b[ldnscjmt])(?<!\bqu)\u2019(?!(s|t|re|ll|ve|d|m)\b)(?={letter})",
        re.IGNORECASE,
    )


def _pattern(word: str) -> float:
    if len(word) == 1 and ord(word) in _BEFORE_HANGUL:
        return -4.0
    if word.islower():
        return -0.5
    if word.isupper():
        return -2.0
    if word[0].isupper() and word[1:].islower():
        return -1.2
    has_case = any(char.islower() or char.isupper() for char in word)
    return -8.0 if has_case else 0.0


def _script(char: str) -> str:
    code = ord(char)
    if code in _LATIN:
        return "Latin" if char.isalpha() else "sign"
    return next((n for start, n in reversed(_BLOCKS) if code >= start), "other")
