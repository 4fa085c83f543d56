"""What cells of text must become, said once more in plain Python.

Written from the documented rules of types, without DuckDB and without anything of the
product: numbers are Decimals, days are counted from 1970, times are whole numbers.
"""

import math
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

NULL_WORDS = (
    "",
    *["NA", "N/A", "#N/A", "NULL", "null", "None", "NaN", "nan", ".", "-"],
)
DAY_US = 86_400_000_000
BIG = 2**63
Read = Callable[[str], object]


@dataclass(frozen=True)
class Cell:
    """A cell as a file spells it."""

    text: str
    is_quoted: bool = False


@dataclass(frozen=True)
class Told:
    """What a person says about the reading."""

    null_words: tuple[str, ...] = NULL_WORDS
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
    decimal: str | None = None
    thousands: str | None = None
    date_forms: tuple[str, ...] = ()


@dataclass
class Column:
    """What a column must be; `words` counts null words, `rounded` and `bad` by rows.

    `is_in_doubt` says that spellings of some country would hold all cells, but that
    none of them makes that certain.
    """

    type: str
    values: list[object]
    words: int = 0
    rounded: list[int] = field(default_factory=list)
    bad: list[int] = field(default_factory=list)
    is_in_doubt: bool = False
    decimal: str = "."


@dataclass(frozen=True)
class Reader:
    """One type: the value of a text, None where the type does not keep it."""

    type: str
    read: Read
    is_evident: Callable[[str], bool] = lambda _text: True
    decimal: str = "."


# --- numbers


def _form(decimal: str, thousands: str) -> re.Pattern[str]:
    whole = r"0|[1-9]\d*"
    if thousands:
        whole += rf"|[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+"
    point = re.escape(decimal)
    return re.compile(
        rf"(?P<sign>-?)(?:(?P<whole>{whole})(?:{point}(?P<part>\d*))?"
        rf"|{point}(?P<only>\d+))(?P<power>[eE][-+]?\d+)?",
        re.ASCII,
    )


def numbers(decimal: str = ".", thousands: str = "") -> tuple[Read, Read]:
    """Return how whole numbers and fractions are read."""
    form = _form(decimal, thousands)

    def whole(text: str) -> int | None:
        found = form.fullmatch(text)
        if found is None or found["whole"] is None or found["power"]:
            return None
        if found["part"] is not None or text == "-0":
            return None
        value = int(_plain(text, decimal, thousands))
        return value if -BIG <= value < BIG else None

    def fraction(text: str) -> float | None:
        if re.fullmatch(r"-?(inf|infinity)|nan", text, re.IGNORECASE):
            return float(text)
        if form.fullmatch(text) is None:
            return None
        plain = _plain(text, decimal, thousands)
        value = float(plain)
        is_same = abs(value) != float("inf") and Decimal(repr(value)) == Decimal(plain)
        return value if is_same else None

    return whole, fraction


def exact(scale: int, decimal: str = ".", thousands: str = "") -> Read:
    form = _form(decimal, thousands)

    def read(text: str) -> Decimal | None:
        found = form.fullmatch(text)
        if found is None or found["power"]:
            return None
        value = Decimal(_plain(text, decimal, thousands))
        digits = len(str(int(abs(value)))) if abs(value) >= 1 else 0
        behind = found["part"] or found["only"] or ""
        if len(behind) > scale or digits > 38 - scale or (found["sign"] and not value):
            return None
        return value

    return read


def _plain(text: str, decimal: str, thousands: str) -> str:
    return (
        text.replace(thousands, "").replace(decimal, ".")
        if thousands
        else (text.replace(decimal, "."))
    )


# --- days and times


def days(year: int, month: int, day: int) -> int | None:
    """Return the days from 1970 in the proleptic Gregorian calendar."""
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return None
    before = year - 1
    years = 365 * before + before // 4 - before // 100 + before // 400
    return years + sum(lengths[: month - 1]) + day - 719_163


_DAY = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_CLOCK = r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,%d}))?)?"


def day(text: str) -> int | None:
    found = re.fullmatch(_DAY, text, re.ASCII)
    return days(*map(int, found.groups())) if found else None


def clock(digits: int) -> Read:
    """Return how times of day are read, in units of so many digits of a second."""

    def read(text: str) -> int | None:
        found = re.fullmatch(_CLOCK % digits, text, re.ASCII)
        if found is None:
            return None
        hour, minute, second = (int(part or 0) for part in found.groups()[:3])
        if hour > 23 or minute > 59 or second > 59:
            return None
        part = int((found[4] or "").ljust(digits, "0"))
        return (hour * 3600 + minute * 60 + second) * 10**digits + part

    return read


def stamp(digits: int, *, needs_clock: bool = False) -> Read:
    of_day, unit = clock(digits), 86_400 * 10**digits

    def read(text: str) -> int | None:
        date, _, rest = text.replace("T", " ", 1).partition(" ")
        begin = day(date)
        if begin is None or (not rest and (needs_clock or len(text) > len(date))):
            return None
        part = of_day(rest) if rest else 0
        if part is None:
            return None
        value = begin * unit + int(str(part))
        return value if -BIG < value < BIG else None

    return read


def instant(text: str) -> int | None:
    found = re.fullmatch(
        r"(.*?) ?(Z|UTC|([-+])(0\d|1[0-5]):?([0-5]\d)?)", text, re.ASCII | re.DOTALL
    )
    if found is None or text.endswith(":"):
        return None
    local = stamp(6, needs_clock=True)(found[1])
    if local is None:
        return None
    minutes = int(found[4] or 0) * 60 + int(found[5] or 0)
    return int(str(local)) - (1 if found[3] == "+" else -1) * minutes * 60_000_000


_PARTS = {
    "%Y": r"(?P<Y>\d{4})",
    "%m": r"(?P<m>\d{1,2})",
    "%d": r"(?P<d>\d{1,2})",
    "%H": r"(?P<H>\d{1,2})",
    "%M": r"(?P<M>\d\d)",
    "%S": r"(?P<S>\d\d)",
}


def formed(form: str) -> Reader:
    """Return the reader of a form of strptime, of these six parts."""
    pieces = re.split("(%.)", form)
    pattern = "".join(_PARTS.get(piece, re.escape(piece)) for piece in pieces)
    has_clock = "%H" in form

    def read(text: str) -> int | None:
        found = re.fullmatch(pattern, text, re.ASCII)
        if found is None:
            return None
        begin = days(*(int(found[part]) for part in "Ymd"))
        if begin is None or not has_clock:
            return begin
        hour, minute = int(found["H"]), int(found["M"])
        second = int(found["S"]) if "%S" in form else 0
        if hour > 23 or minute > 59 or second > 59:
            return None
        return begin * DAY_US + (hour * 3600 + minute * 60 + second) * 1_000_000

    return Reader("TIMESTAMP" if has_clock else "DATE", read)


def local_forms() -> Iterator[Reader]:
    """Yield days as countries write them: some need a day after the twelfth."""
    sure = ("%Y/%m/%d", "%Y.%m.%d", "%Y. %m. %d.", "%Y년 %m월 %d일", "%d.%m.%Y")
    unsure = ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
    for form in (*sure, *unsure):
        for end in ("", " %H:%M", " %H:%M:%S"):
            reader = formed(form + end)
            if form in sure:
                yield reader
            else:
                place = 0 if form.startswith("%d") else 1
                yield Reader(reader.type, reader.read, _is_late(place))


def _is_late(place: int) -> Callable[[str], bool]:
    return lambda text: int(re.split("[-/]", text)[place]) > 12


# --- columns


def readers(told: Told) -> Iterator[Reader]:
    """Yield the types of usual spellings, from the narrowest."""
    yield Reader("BOOLEAN", _truth(told))
    whole, fraction = numbers(told.decimal or ".", told.thousands or "")
    yield Reader("BIGINT", whole)
    yield Reader("DOUBLE", fraction)
    yield Reader("DATE", day)
    yield Reader("TIMESTAMP", stamp(6))
    yield Reader("TIMESTAMP_NS", stamp(9))
    yield Reader("TIME", clock(6))
    yield Reader("TIME_NS", clock(9))
    yield Reader("TIMESTAMP WITH TIME ZONE", instant)
    yield from map(formed, told.date_forms)


def local_readers(told: Told) -> Iterator[Reader]:
    """Yield spellings of countries, which one cell at least has to make certain."""
    if told.decimal is None and told.thousands is None:
        for decimal, thousands in ((".", ","), (",", ".")):
            whole, fraction = numbers(decimal, thousands)
            many = re.compile(rf"-?\d{{1,3}}({re.escape(thousands)}\d{{3}}){{2,}}")
            is_many = lambda text, m=many: bool(m.fullmatch(text))  # noqa: E731
            yield Reader("BIGINT", whole, is_many, decimal)
            yield Reader("DOUBLE", fraction, _EVIDENCE[decimal], decimal)
    if not told.date_forms:
        yield from local_forms()


def _is_grouped(text: str) -> bool:
    """Whether a comma can only part thousands."""
    before, _, behind = text.lstrip("-").partition(".")
    groups = before.count(",")
    return groups > 1 or (groups == 1 and "." in text and not behind.count(","))


def _is_decimal_comma(text: str) -> bool:
    """Whether a comma can only stand before decimals."""
    before, comma, behind = text.lstrip("-").partition(",")
    if not comma:
        return False
    is_odd = len(behind) != 3 or not behind.isdigit()
    shape = re.fullmatch(r"-?[\d.]*,(\d{1,2}|\d{4,})", text, re.ASCII)
    return (
        before == "0"
        or "." in before
        or (len(before.split(".")[-1]) > 3)
        or bool(shape and is_odd)
    )


_EVIDENCE = {".": _is_grouped, ",": _is_decimal_comma}


def _truth(told: Told) -> Read:
    if told.true_words and told.false_words:
        known = dict.fromkeys(told.false_words, False)
        known |= dict.fromkeys(told.true_words, True)
        return known.get
    return lambda text: {"true": True, "false": False}.get(text.lower())


def trimmed(text: str) -> str:
    return text.strip(" \t")


def expected(cells: Sequence[Cell | None], told: Told) -> Column:
    """Return the narrowest type that keeps all cells; None: the file has no such."""
    given = [cell for cell in cells if cell is not None]
    in_quotes = bool(given) and all(cell.is_quoted for cell in given)
    words = {"", *told.null_words}
    if not in_quotes and any(
        cell.is_quoted and cell.text and trimmed(cell.text) in words - {""}
        for cell in given
    ):
        words = {""}
    texts = [trimmed(cell.text) for cell in given]
    values = [text for text in texts if text not in words]
    reader = _chosen(values, told)
    if isinstance(reader, Reader):
        return _typed(cells, words, reader)
    return Column(
        "VARCHAR",
        [_as_text(cell, in_quotes=in_quotes) for cell in cells],
        is_in_doubt=bool(reader),
    )


def are_thousands(cells: Sequence[Cell | None], told: Told) -> bool:
    """Whether all points of a column may part thousands, as where commas are decimal."""
    whole, _ = numbers(",", ".")
    words = {"", *told.null_words}
    texts = [trimmed(cell.text) for cell in cells if cell is not None]
    return all(whole(text) is not None for text in texts if text not in words)


def as_text(cells: Sequence[Cell | None]) -> Column:
    """Return a column of text that could be something else."""
    given = [cell for cell in cells if cell is not None]
    in_quotes = bool(given) and all(cell.is_quoted for cell in given)
    values = [_as_text(cell, in_quotes=in_quotes) for cell in cells]
    return Column("VARCHAR", values, is_in_doubt=True)


def _as_text(cell: Cell | None, *, in_quotes: bool) -> str | None:
    if cell is None or (not cell.text and (in_quotes or not cell.is_quoted)):
        return None
    return cell.text


def _typed(cells: Sequence[Cell | None], words: set[str], reader: Reader) -> Column:
    found = Column(reader.type, [], decimal=reader.decimal)
    for cell in cells:
        missing = cell is None or trimmed(cell.text) in words
        found.values.append(None if missing else reader.read(trimmed(cell.text)))
        if cell is not None and missing and (cell.text or cell.is_quoted):
            found.words += 1
    return found


def _chosen(values: Sequence[str], told: Told) -> Reader | bool:
    """Return the narrowest reader, else whether one fits without certainty."""
    if not values:
        return False
    are_whole = all(re.fullmatch(r"-?[1-9]\d*|0", text, re.ASCII) for text in values)
    has_digit = any(re.search("[0-9]", text) for text in values)
    for reader in readers(told):
        is_meant = reader.type != "DOUBLE" or (has_digit and not are_whole)
        if is_meant and _fits(reader, values):
            return reader
    decimal, thousands = told.decimal or ".", told.thousands or ""
    parts = [text.partition(decimal)[2] for text in values]
    scale = max((len(part) for part in parts if part.isdecimal()), default=0)
    precise = exact(min(scale, 38), decimal, thousands)
    if all(precise(text) is not None for text in values):
        return Reader(f"DECIMAL(38,{min(scale, 38)})", precise)
    fitting = [reader for reader in local_readers(told) if _fits(reader, values)]
    sure = [r for r in fitting if any(map(r.is_evident, values))]
    return sure[0] if sure else bool(fitting)


def _fits(reader: Reader, values: Sequence[str]) -> bool:
    return all(reader.read(text) is not None for text in values)


# --- types that a person chose


def chosen(cells: Sequence[Cell | None], kind: str, told: Told) -> Column:
    """Return the values of a type that was asked for: what does not fit is missing."""
    words = {"", *told.null_words}
    if kind == "VARCHAR":
        return Column(kind, [_as_text(cell, in_quotes=False) for cell in cells])
    found, read = Column(kind, []), _loose(kind, told)
    for row, cell in enumerate(cells):
        if cell is None or trimmed(cell.text) in words:
            found.values.append(None)
            found.words += bool(cell and (cell.text or cell.is_quoted))
            continue
        value, is_same = read(trimmed(cell.text))
        found.values.append(value)
        if value is None:
            found.bad.append(row)
        elif not is_same:
            found.rounded.append(row)
    return found


Loose = Callable[[str], tuple[object, bool]]


def _loose(kind: str, told: Told) -> Loose:
    """Return how a chosen type reads a text: the value, and whether it is the same."""
    decimal, thousands = told.decimal or ".", told.thousands or ""
    if kind == "BIGINT":
        return _loose_whole(decimal, thousands)
    if kind == "DOUBLE":
        return _loose_fraction(decimal, thousands)
    strict = next(reader for reader in readers(Told()) if reader.type == kind)
    return lambda text: (strict.read(text), True)


def _loose_whole(decimal: str, thousands: str) -> Loose:
    def read(text: str) -> tuple[object, bool]:
        if not re.fullmatch(rf"[-+]?[0-9{re.escape(thousands)}]+", text, re.ASCII):
            return None, False
        plain = _plain(text, decimal, thousands)
        if not re.search(r"\d", plain) or not -BIG <= int(plain) < BIG:
            return None, False
        return int(plain), True

    return read


def _loose_fraction(decimal: str, thousands: str) -> Loose:
    digits, point = rf"[-+]?[0-9{re.escape(thousands)}]*", re.escape(decimal)
    form = re.compile(rf"{digits}({point}\d*)?([eE][-+]?\d+)?", re.ASCII)

    def read(text: str) -> tuple[object, bool]:
        if re.fullmatch(r"-?(inf|infinity)|nan", text, re.IGNORECASE):
            return float(text), True
        plain = _plain(text, decimal, thousands)
        if not form.fullmatch(text) or not re.match(r"[-+]?\.?\d", plain):
            return None, False
        value = float(plain)
        if math.isinf(value):
            return None, False
        return value, Decimal(repr(value)) == Decimal(plain)

    return read


# --- comparing


def key(value: object) -> object:
    """Return a value so that NaN equals NaN, and 0.0 not -0.0."""
    if not isinstance(value, float):
        return value
    return "NaN" if math.isnan(value) else struct.pack("<d", value)
