"""Number formats of spreadsheets: how a cell's number is shown."""

import datetime
import re
from dataclasses import dataclass
from functools import cache

from openpyxl.styles.numbers import BUILTIN_FORMATS

# Dates and times of Korean, Japanese and Chinese Excel (ECMA-376, 18.8.30), where
# the value says which of the two they are.
EASTERN_DATES = frozenset({*range(27, 37), *range(50, 59)})
_EASTERN = "eastern"
_UNSAID = re.compile(r'"[^"]*"|\\.|_.|\*.')
_BRACKETS = re.compile(r"\[[^\]]*\]")
_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)
_ZEROS = re.compile(r"0{2,}")
_LEAP_1900 = 60
_LAST_DAY = 2_958_466
_DAY_MS = 86_400_000
# More than sums of days and seconds in a double are off, in milliseconds.
_NOISE_MS = 0.01


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """A format, by what it shows: a day, a time of day, or a number so changed."""

    has_day: bool = False
    has_clock: bool = False
    is_elapsed: bool = False
    # Shows year, month and day; `mmm-yy` does not.
    is_whole_day: bool = False
    # Whether it is a day or a time is the value's to say.
    is_by_value: bool = False
    changes: str = ""
    # How many digits a whole number has at the least.
    zeros: int = 0
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The text of a date or time, and what a person who sees the cell misses."""

    text: str
    hides: str = ""


def format_code(number: int, custom: dict[int, str]) -> str:
    """Return the code of a number format by its number in a workbook."""
    if number in custom:
        return custom[number]
    return _EASTERN if number in EASTERN_DATES else BUILTIN_FORMATS.get(number, "")


@cache
def number_format(code: str) -> NumberFormat:
    """Return what a format code shows of a positive number."""
    if code == _EASTERN:
        return NumberFormat(has_day=True, has_clock=True, is_by_value=True)
    first = _UNSAID.sub("", code).split(";")[0]
    elapsed = bool(_ELAPSED.search(first))
    plain = _BRACKETS.sub("", first).lower()
    if plain == "general" or "@" in plain:
        return NumberFormat()
    plain = plain.replace("general", "").replace("am/pm", "").replace("a/p", "")
    if elapsed or re.search(r"[ymdhs]", re.sub(r"e[+-]", "", plain)):
        clock = elapsed or bool(re.search(r"[hs]", plain))
        day = bool(re.search(r"[yd]", plain)) or ("m" in plain and not clock)
        return NumberFormat(day, clock, elapsed, "d" in plain and "y" in plain)
    changes = _changes(code, plain)
    zeros = plain.partition(".")[0].count("0") if changes == "leading zeros" else 0
    return NumberFormat(changes=changes, zeros=zeros, decimals=_decimals(plain))


def _changes(code: str, plain: str) -> str:
    if code and not plain.strip() and ";" in code:
        return "nothing"
    if "%" in plain:
        return "percent"
    if re.search(r"[0#?],+(\.|$|[^0#?,])", plain):
        return "a part of the digits"
    whole = plain.partition(".")[0]
    if _ZEROS.search(whole) and "#" not in whole and "e" not in plain:
        return "leading zeros"
    return ""


def _decimals(plain: str) -> int | None:
    """Return how many decimals a format shows; None for as many as there are."""
    if "e" in plain or "/" in plain or not re.search(r"[0#?]", plain):
        return None
    return len(re.findall(r"[0#?]", plain.partition(".")[2]))


def moment(serial: float, shown: NumberFormat, *, is_1904: bool) -> Moment | None:
    """Return the date or time of a serial number, None where it is none.

    To the millisecond, as Excel has it. In 1900 there is a day too many.
    """
    days, part = divmod(serial, 1)
    exact = part * _DAY_MS
    milliseconds = round(exact)
    if milliseconds == _DAY_MS:
        days, milliseconds = days + 1, 0
    is_finer = abs(exact - round(exact)) > _NOISE_MS
    hides = "parts of a millisecond, which were rounded" if is_finer else ""
    clock = _clock(milliseconds)
    if days == 0 and not is_1904:
        return Moment(clock, hides) if shown.has_clock and serial >= 0 else None
    if days == 0 and shown.has_clock and not shown.has_day:
        return Moment(clock, hides)
    day = _day(int(days), is_1904=is_1904)
    if day is None:
        return None
    return _of_day(day, clock, milliseconds, shown, hides)


def _of_day(
    day: datetime.date, clock: str, milliseconds: int, shown: NumberFormat, hides: str
) -> Moment:
    if not shown.has_day:
        return Moment(f"{day} {clock}", "the day")
    if not shown.has_clock and milliseconds:
        return Moment(f"{day} {clock}", "the time of day")
    if shown.is_by_value:
        return Moment(f"{day} {clock}" if milliseconds else str(day), hides)
    if not shown.is_whole_day:
        hides = hides or "the whole date"
    return Moment(f"{day} {clock}" if shown.has_clock else str(day), hides)


def _day(days: int, *, is_1904: bool) -> datetime.date | None:
    if is_1904:
        first = datetime.date(1904, 1, 1)
    elif days == _LEAP_1900:
        return None
    else:
        first = datetime.date(1899, 12, 31 if days < _LEAP_1900 else 30)
    if days < 0 or days >= _LAST_DAY:
        return None
    try:
        return first + datetime.timedelta(days=days)
    except OverflowError:
        return None


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    hours, seconds = divmod(seconds, 3600)
    text = f"{hours:02d}:{seconds // 60:02d}:{seconds % 60:02d}"
    return f"{text}.{rest:03d}" if rest else text
