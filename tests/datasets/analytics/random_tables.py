"""Random tables as files: cells of many kinds, a misfit anywhere, any dialect."""

import datetime as dt
import os
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pyarrow as pa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from tests.datasets.analytics.oracle import NULL_WORDS, Cell, Told

EXAMPLES = int(os.environ.get("GUARANTEE_EXAMPLES", "0"))
# A table of many kinds takes minutes to shrink, by hand as in a suite.
PROPERTY = settings(
    phases=(Phase.explicit, Phase.generate),
    max_examples=EXAMPLES or 40,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

ODD = st.sampled_from(
    [
        *("01234", "+5", "0x10", "1_000", "1e400", "1e-400", "5.", ".5", "-0", "-0.0"),
        *("NA", "-", ".", "null", "V12", "true", "t", "TRUE", "2024-02-30", " 7", "7 "),
        *("1,5", "1,234", "1.234,5", "1,234,567", "1.234.567", "0,5", "12,34", "1 000"),
        *("nan", "inf", "-Infinity", "9" * 19, "9" * 20, "9" * 39, "-" + "9" * 38),
        *("0.12345678901234567891", "1234567890123456.78", "1e5", "1E+05", "-.5"),
        *("2024-01-05 13:45:00.123456789", "2024-01-05T13:45:00Z", "2024-1-5 9:05"),
        *("2024-01-05 13:45:00+09:00", "2024-01-05 13:45:00 +0900", "24:00", "9:05"),
        *("05/06/2024", "25/12/2024", "12/25/2024", "5.6.2024", "2024.01.05"),
        *("2024/01/05 10:00", "0000-01-01", "9999-12-31", "infinity", "12:30:00.5"),
        *(
            "a\nb",
            "a\r\nb",
            "a\rb",
            'say "x"',
            "'",
            "#5",
            "a#b",
            "\\N",
            "\\",
            "  ",
            "é",
        ),
        *("½", "١٢", "\uff11\uff12", "\u00a05", "5\u200b", "\t5", "5\v", "1\n", "½,5"),
    ]
)
CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0\ufeff\x1b")
TEXT = st.text(CHARACTERS, max_size=6) | st.text("ab\"'#;,|. 1\r\n\t", max_size=6)
SMALL = st.integers(-1000, 1000).map(str)
FRACTION = st.decimals(-(10**9), 10**9, places=3).map(str)
KINDS = st.sampled_from(
    [
        SMALL,
        st.integers(-(2**70), 2**70).map(str),
        FRACTION,
        st.decimals(-(10**9), 10**9, places=20).map(lambda number: f"{number:f}"),
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.dates().map(str),
        st.datetimes().map(str),
        st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
        st.builds(
            "{} {}".format, st.datetimes().map(str), st.sampled_from(["Z", "+09:00"])
        ),
        st.times().map(str),
        st.dates().map(lambda day: f"{day.day}/{day.month}/{day.year:04d}"),
        st.dates().map(lambda day: f"{day.month:02d}-{day.day:02d}-{day.year:04d}"),
        st.dates().map(lambda day: f"{day.year:04d}.{day.month}.{day.day}"),
        st.integers(-(10**12), 10**12).map("{:,}".format),
        st.decimals(-(10**7), 10**7, places=2).map(
            lambda number: f"{number:,f}".translate(str.maketrans(",.", ".,"))
        ),
        st.sampled_from(["true", "false", "True", "FALSE"]),
        TEXT,
    ]
)
# Those that have their own words, and those in which bytes of ASCII are no characters.
ENCODINGS = {
    "utf-8": "utf-8",
    "utf-8-sig": None,
    "utf-16": None,
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32": None,
    "cp1252": "cp1252",
    "cp949": "cp949",
    "cp932": "shift-jis",
    "gb18030": "gb18030",
    "cp950": "big5",
}


@dataclass(frozen=True)
class Dialect:
    """How cells become lines; `comment` and `quote` may be nothing."""

    delimiter: str = ","
    quote: str = '"'
    comment: str = ""
    ends: str = "\n"
    encoding: str = "utf-8"
    skipped: tuple[str, ...] = ()
    above: tuple[str, ...] = ()
    has_header: bool = True
    ends_last: bool = True

    def options(self, names: list[str]) -> dict[str, object]:
        """Return what has to be said about it."""
        said: dict[str, object] = {
            "delimiter": self.delimiter,
            "quote": self.quote,
            "comment": self.comment,
            "has_header": self.has_header,
            "encoding": ENCODINGS[self.encoding],
            "skip_lines": len(self.skipped),
        }
        if self.above:
            said["header_row"] = len(self.above) + 1
        if not self.has_header:
            said["names"] = tuple(names)
        return said

    def written(
        self, names: list[str], rows: list[list[Cell]], remarks: set[int]
    ) -> bytes:
        lines = [*self.skipped, *self.above]
        if self.has_header:
            lines.append(self._line([Cell(name) for name in names]))
        for number, row in enumerate(rows):
            if self.comment and number in remarks:
                lines.append(f"{self.comment} a{self.delimiter}b")
            lines.append(self._line(row))
        body = self.ends.join(lines) + (self.ends if self.ends_last else "")
        return body.encode(self.encoding)

    def _line(self, row: list[Cell]) -> str:
        return self.delimiter.join(map(self._cell, row))

    def _cell(self, cell: Cell) -> str:
        if not cell.is_quoted:
            return cell.text
        doubled = cell.text.replace(self.quote, self.quote * 2)
        return f"{self.quote}{doubled}{self.quote}"

    def fitted(self, cell: Cell, *, is_first: bool, is_alone: bool) -> Cell:
        """Return the cell as this dialect can write it: quoted, or with less in it."""
        text = cell.text.encode(self.encoding, "ignore").decode(self.encoding)
        if not self.quote:
            for sign in (self.delimiter, "\r", "\n"):
                text = text.replace(sign, "")
            if self.comment:
                text = text.replace(self.comment, "")
            return Cell(text or ("-" if is_alone else ""))
        signs = {self.delimiter, self.quote, "\r", "\n"}
        is_remark = is_first and self.comment and text.startswith(self.comment)
        needs = any(sign in text for sign in signs) or is_remark
        return Cell(text, cell.is_quoted or needs or (is_alone and not text.strip()))


@dataclass
class Sample:
    """Files of a table, what is said about them, and its columns of cells."""

    bodies: list[bytes]
    options: dict[str, object]
    told: Told
    columns: dict[str, list[Cell | None]]
    types: dict[str, str] = field(default_factory=dict)


@st.composite
def dialects(draw: st.DrawFn, decimal: str | None = None) -> Dialect:
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", ":", "~"]))
    quote = draw(st.sampled_from(['"', '"', '"', "'", "`", ""]))
    comment = draw(st.sampled_from(["", "", "#", "%"]))
    lines = st.lists(
        st.sampled_from(["a report", "x,y;z", 'say "x', "5' 2"]), max_size=2
    )
    has_header = draw(st.sampled_from([True, True, False]))
    return Dialect(
        delimiter=delimiter,
        quote=quote,
        comment=comment,
        ends=draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
        encoding=draw(st.sampled_from(list(ENCODINGS))),
        skipped=tuple(draw(lines)),
        above=tuple(draw(lines)) if has_header else (),
        has_header=has_header,
        ends_last=draw(st.booleans()),
    )


@st.composite
def cells(draw: st.DrawFn, height: int) -> list[Cell]:
    """Cells of one kind, with some of another anywhere."""
    kind = draw(KINDS)
    texts = draw(st.lists(kind | st.just(""), min_size=height, max_size=height))
    for text in draw(st.lists(ODD | TEXT | KINDS.flatmap(lambda k: k), max_size=2)):
        texts[draw(st.integers(0, height - 1))] = text
    quoting = draw(st.sampled_from(["never", "never", "always", "some"]))
    quoted = {
        "never": [False] * height,
        "always": [True] * height,
        "some": draw(st.lists(st.booleans(), min_size=height, max_size=height)),
    }
    return list(map(Cell, texts, quoted[quoting]))


@st.composite
def told(draw: st.DrawFn) -> Told:
    """What a person may say: mostly nothing."""
    given = Told()
    match draw(st.sampled_from(["", "", "", "words", "truth", "signs", "forms"])):
        case "words":
            words = draw(
                st.sampled_from([(), ("-99",), ("0", "x"), (*NULL_WORDS, "a")])
            )
            return replace(given, null_words=words)
        case "truth":
            return replace(given, true_words=("yes", "1"), false_words=("no", "0"))
        case "signs":
            pairs = [(",", None), (",", "."), (".", ","), (None, "'"), (None, " ")]
            decimal, thousands = draw(st.sampled_from(pairs))
            return replace(given, decimal=decimal, thousands=thousands)
        case "forms":
            forms = [("%d/%m/%Y",), ("%m-%d-%Y", "%d/%m/%Y %H:%M")]
            return replace(given, date_forms=draw(st.sampled_from(forms)))
    return given


def said(given: Told) -> dict[str, object]:
    return {
        "null_values": given.null_words,
        "true_values": given.true_words,
        "false_values": given.false_words,
        "decimal": given.decimal,
        "thousands": given.thousands,
        "date_formats": given.date_forms,
    }


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    """Draw a table of one to three files, whose columns stand in any order."""
    given = draw(told())
    dialect = draw(dialects())
    heights = draw(st.lists(st.integers(1, 7), min_size=1, max_size=3))
    names = [f"c{place}" for place in range(draw(st.integers(1, 4)))]
    # Behind more rows than the first look takes, nobody has seen the misfit yet.
    copies = draw(st.sampled_from([1, 1, 1, 1, 1, 400]))
    grid = {name: draw(cells(sum(heights))) for name in names}
    union = len(heights) > 1 and dialect.has_header and draw(st.booleans())
    found = Sample([], {}, given, {name: [] for name in names})
    begin = 0
    for place, height in enumerate(heights):
        own = list(names)
        if place and dialect.has_header:
            own = draw(st.permutations(names))
        if union and len(own) > 1 and place:
            own = own[: draw(st.integers(1, len(own)))]
        block = {
            name: [
                dialect.fitted(cell, is_first=name == own[0], is_alone=len(own) == 1)
                for cell in grid[name][begin : begin + height]
            ]
            for name in own
        }
        begin += height
        # The last row of the block is there once, behind the copies of the others.
        rows = [list(row) for row in zip(*(block[name] for name in own), strict=True)]
        rows = [row for row in rows[:-1] for _ in range(copies)] + rows[-1:]
        remarks = draw(st.sets(st.integers(0, len(rows) - 1), max_size=2))
        found.bodies.append(dialect.written(own, rows, remarks))
        for name in names:
            column = own.index(name) if name in own else None
            found.columns[name] += [
                None if column is None else row[column] for row in rows
            ]
    found.options = {**said(given), **dialect.options(names), "union_by_name": union}
    if draw(st.sampled_from([False, False, False, True])):
        kinds = ["VARCHAR", "BIGINT", "DOUBLE", "DATE", "TIMESTAMP"]
        found.types = {names[0]: draw(st.sampled_from(kinds))}
        found.options["types"] = found.types
    return found


STRINGS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=6
) | st.sampled_from(
    ["", "NA", "null", "-", "=1+1", "'x", "007", "1e5", "true", '"', "a\r\nb", " x "]
)
MOMENTS = st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001
LARGE = 2**63
STORED = [
    (pa.int8(), st.integers(-128, 127)),
    (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    (pa.int64(), st.integers(-LARGE, LARGE - 1)),
    (pa.uint8(), st.integers(0, 255)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float32(), st.floats(width=32)),
    (pa.float64(), st.floats()),
    (pa.decimal128(12, 3), st.decimals(-999, 999, places=3)),
    (pa.decimal128(38, 10), st.decimals(-(10**20), 10**20, places=10)),
    (pa.decimal128(38, 0), st.integers(-(10**37), 10**37).map(Decimal)),
    (pa.decimal128(38, 38), st.decimals(-0.5, 0.5, places=38)),
    (pa.bool_(), st.booleans()),
    (pa.string(), STRINGS),
    (pa.large_string(), STRINGS),
    (pa.binary(), st.binary(max_size=5)),
    (pa.date32(), st.dates(dt.date(1, 1, 1))),
    (pa.timestamp("s"), MOMENTS.map(lambda moment: moment.replace(microsecond=0))),
    (pa.timestamp("ms"), MOMENTS.map(lambda moment: moment.replace(microsecond=7000))),
    (pa.timestamp("us"), MOMENTS),
    (pa.timestamp("us", "UTC"), MOMENTS),
    (pa.timestamp("us", "Asia/Seoul"), MOMENTS),
    (pa.timestamp("ns"), st.integers(-LARGE // 4, LARGE // 4)),
    (pa.timestamp("ns", "UTC"), st.integers(-LARGE // 4, LARGE // 4)),
    (pa.time32("s"), st.times().map(lambda time: time.replace(microsecond=0))),
    (pa.time64("us"), st.times()),
    (pa.time64("ns"), st.integers(0, 86_399_999_999_999)),
]
NAMES = st.lists(
    st.sampled_from(
        ["a", "b c", "x,y", 'q"q', "=1", "-neg", "A", "가", "select", "low"]
    )
    | st.text(
        st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=5
    ),
    min_size=1,
    max_size=4,
    unique_by=str.lower,
)


@st.composite
def typed_tables(draw: st.DrawFn, most: int = 6) -> pa.Table:
    """Draw a table of Parquet's own types, with missing values."""
    height = draw(st.integers(1, most))
    columns = {}
    for name in draw(NAMES):
        kind, cells = draw(st.sampled_from(STORED))
        values = draw(st.lists(st.none() | cells, min_size=height, max_size=height))
        columns[name] = pa.array(values, kind)
    return pa.table(columns)
