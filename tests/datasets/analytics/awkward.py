"""Awkward shapes of real files: what comes in, how it is asked for, what is right."""

from dataclasses import dataclass, field
from typing import Any

from tests.datasets.analytics.workbooks import (
    cells,
    error,
    formula,
    number,
    sheet,
    simple,
    workbook,
    zipped,
)

Row = tuple[str | None, ...]


@dataclass(frozen=True)
class Shape:
    """A file and the right answer; every cell is written as its value's text."""

    label: str
    bodies: tuple[bytes | str, ...]
    types: dict[str, str]
    first: list[Row]
    last: list[Row] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    name: str = "a.csv"
    rejected: int = 0
    # The cells of `v`, where the file is one of an id and that column.
    column: list[str] | None = None


def one(
    label: str, cells: list[str], kind: str, kept: list[str | None], **options: Any
) -> Shape:
    """Return a file of an id and one column `v`."""
    lines = "".join(f"{i},{cell}\n" for i, cell in enumerate(cells))
    rows: list[Row] = [(str(i), cell) for i, cell in enumerate(kept)]
    types = {"id": "BIGINT", "v": kind}
    column = None if options else cells
    body = f"id,v\n{lines}"
    return Shape(label, (body,), types, rows, rows[-1:], options, column=column)


def same(label: str, cells: list[str], kind: str, **options: Any) -> Shape:
    """Return a file whose cells keep their text."""
    return one(label, cells, kind, [cell.strip('"') for cell in cells], **options)


def late(label: str, usual: str, odd: str, kind: str, kept: tuple[str, str]) -> Shape:
    """Return a file of one column whose last cells are of another kind."""
    body = f"v\n{(usual + chr(10)) * 25_000}{(odd + chr(10)) * 5}"
    return Shape(label, (body,), {"v": kind}, [(kept[0],)], [(kept[1],)])


INT, FLOAT, TEXT = "BIGINT", "DOUBLE", "VARCHAR"
ZONED = "TIMESTAMP WITH TIME ZONE"

SHAPES = [
    late("a late decimal", "3", "1.25", FLOAT, ("3.0", "1.25")),
    late("a late leading zero", "10001", "01234", TEXT, ("10001", "01234")),
    late(
        "a late time of day",
        "2024-01-05",
        "2024-01-05 13:45:00",
        "TIMESTAMP",
        ("2024-01-05 00:00:00", "2024-01-05 13:45:00"),
    ),
    late(
        "late long ids",
        "1.5",
        "12345678901234567890",
        "DECIMAL(38,1)",
        ("1.5", "12345678901234567890.0"),
    ),
    late("a late plus sign", "5", "+5", TEXT, ("5", "+5")),
    late("a late zero in front", "5", "007.5", TEXT, ("5", "007.5")),
    late("a late word", "true", "maybe", TEXT, ("true", "maybe")),
    late("late text", "5", "V12", TEXT, ("5", "V12")),
    late("a late exponent", "5", "1e3", FLOAT, ("5.0", "1000.0")),
    late("a late hexadecimal", "5", "0x10", TEXT, ("5", "0x10")),
    late("a late underscore", "5", "1_000", TEXT, ("5", "1_000")),
    late("a late half", "5", ".5", FLOAT, ("5.0", "0.5")),
    late("a late infinity", "1.5", "1e400", TEXT, ("1.5", "1e400")),
    late("a late underflow", "1.5", "1e-400", TEXT, ("1.5", "1e-400")),
    late(
        "late nanoseconds",
        "2024-01-05 13:45:00",
        "2024-01-05 13:45:00.000000001",
        "TIMESTAMP_NS",
        ("2024-01-05 13:45:00", "2024-01-05 13:45:00.000000001"),
    ),
    late(
        "a late zone",
        "2024-01-05 13:45:00",
        "2024-01-05 13:45:00+09:00",
        TEXT,
        ("2024-01-05 13:45:00", "2024-01-05 13:45:00+09:00"),
    ),
    late(
        "a late other format",
        "2024-01-05",
        "05.01.2024",
        TEXT,
        ("2024-01-05", "05.01.2024"),
    ),
    late(
        "a late tenth",
        "9007199254740993",
        "0.5",
        "DECIMAL(38,1)",
        ("9007199254740993.0", "0.5"),
    ),
    same("hexadecimal", ["0x0010", "0x0a"], TEXT),
    same("binary", ["0b101", "0b1"], TEXT),
    same("underscores", ["1_000", "2_000"], TEXT),
    same("tickers", ["005930", "000660"], TEXT),
    same("plus signs", ["+82", "+1"], TEXT),
    same(
        "more digits than a double has",
        ["0.12345678901234567891", "1.50000000000000000000"],
        "DECIMAL(38,20)",
    ),
    one(
        "sixteen digits and cents",
        ["1234567890123456.78", "1.5"],
        "DECIMAL(38,2)",
        ["1234567890123456.78", "1.50"],
    ),
    same(
        "printed doubles",
        ["0.30000000000000004", "1.7976931348623157e+308", "5e-324"],
        FLOAT,
    ),
    same("beyond a double", ["1e400", "1.5"], TEXT),
    same("below a double", ["1e-400", "1.5"], TEXT),
    same("the largest integer", ["9223372036854775807", "-9223372036854775808"], INT),
    same("one more than that", ["9223372036854775808", "1"], "DECIMAL(38,0)"),
    same("38 digits", ["9" * 38, "1"], "DECIMAL(38,0)"),
    same("39 digits", ["9" * 39, "1"], TEXT),
    same("a negative zero", ["-0.0", "1.0"], FLOAT),
    one("whole numbers and a negative zero", ["-0", "1"], FLOAT, ["-0.0", "1.0"]),
    one("exponents", ["1e3", "5"], FLOAT, ["1000.0", "5.0"]),
    one("a capital exponent", ["1E+3", "2.5E-1"], FLOAT, ["1000.0", "0.25"]),
    one("points at the ends", ["5.", ".5", "-.5"], FLOAT, ["5.0", "0.5", "-0.5"]),
    one(
        "infinities among numbers",
        ["inf", "1.5", "-Infinity"],
        FLOAT,
        ["inf", "1.5", "-inf"],
    ),
    same("words of infinity alone", ["inf", "Infinity"], TEXT),
    same("names that are words", ["Nan", "Inf"], TEXT),
    one("numbers and nan", ["nan", "1.5"], FLOAT, [None, "1.5"]),
    one(
        "nan that is no null word",
        ["NaN", "1.5"],
        FLOAT,
        ["nan", "1.5"],
        null_values=("NA",),
    ),
    same("percent", ["12.5%", "3%"], TEXT),
    same("currency", ["₩1500", "$3"], TEXT),
    same("full-width digits", ["\uff11\uff12", "\uff13"], TEXT),
    same("arabic digits", ["١٢", "٣"], TEXT),
    same("versions", ["1.2.3", "1.10"], TEXT),
    same("addresses", ["10.0.0.1", "192.168.0.1"], TEXT),
    same("phones", ["010-1234-5678", "02-123-4567"], TEXT),
    same("fractions", ["1/2", "3/4"], TEXT),
    same("scores", ["3:2", "1:0"], TEXT),
    same("durations beyond a day", ["25:00:00", "30:15:00"], TEXT),
    same("letters of truth", ["t", "f"], TEXT),
    same("capitals of truth", ["T", "F"], TEXT),
    same("yes and no", ["yes", "no"], TEXT),
    same("zero and one", ["0", "1"], INT),
    one(
        "truth in any case",
        ["TRUE", "False", "tRuE"],
        "BOOLEAN",
        ["true", "false", "true"],
    ),
    one(
        "truth words given",
        ["J", "N"],
        "BOOLEAN",
        ["true", "false"],
        true_values=("J",),
        false_values=("N",),
    ),
    one("truth and missing", ["true", "NA", ""], "BOOLEAN", ["true", None, None]),
    same("countries", ["NA", "KR", "-", "."], TEXT),
    one("null words alone", ["NA", "NA"], TEXT, ["NA", "NA"]),
    one("nothing at all", ["", ""], TEXT, [None, None]),
    one("null words given", ["999", "1"], INT, [None, "1"], null_values=("999",)),
    one("surnames", ["Null", "None", "null"], TEXT, ["Null", "None", "null"]),
    one("empty and quoted empty", ['""', "", "x"], TEXT, ["", None, "x"]),
    one("a quoted word", ['"NA"', "KR"], TEXT, ["NA", "KR"]),
    one("a quoted word among numbers", ['"NA"', "1"], TEXT, ["NA", "1"]),
    one("a quoted number", ['"5"', "6"], INT, ["5", "6"]),
    one("a quoted empty among numbers", ['""', "6", ""], INT, [None, "6", None]),
    one("spaces around numbers", [" 5", "6 "], INT, ["5", "6"]),
    one("spaces around text", [" a", "b "], TEXT, [" a", "b "]),
    one("spaces alone among numbers", ["  ", "6"], INT, [None, "6"]),
    one("spaces alone in text", ["  ", "x"], TEXT, ["  ", "x"]),
    same("days", ["2024-01-05", "0001-01-01", "9999-12-31"], "DATE"),
    one("short days", ["2024-1-5", "2024-12-31"], "DATE", ["2024-01-05", "2024-12-31"]),
    same("a day that is none", ["2024-02-30", "2024-01-01"], TEXT),
    same("a zero day", ["0000-00-00", "2024-01-01"], TEXT),
    same("years of two digits", ["24-01-05", "23-12-31"], TEXT),
    same("compact days", ["20240105", "20231231"], INT),
    same("months", ["2024-01", "2024-02"], TEXT),
    same("quarters", ["2024Q1", "2024Q2"], TEXT),
    one(
        "slashes, year first",
        ["2024/01/31", "2024/02/01"],
        "DATE",
        ["2024-01-31", "2024-02-01"],
    ),
    one(
        "points, year first",
        ["2024.01.05", "2023.12.31"],
        "DATE",
        ["2024-01-05", "2023-12-31"],
    ),
    one(
        "points, day first",
        ["31.01.2024", "01.02.2024"],
        "DATE",
        ["2024-01-31", "2024-02-01"],
    ),
    one(
        "Korean days",
        ["2024년 1월 5일", "2024년 12월 15일"],
        "DATE",
        ["2024-01-05", "2024-12-15"],
    ),
    one(
        "day first by evidence",
        ["31/01/2024", "01/02/2024"],
        "DATE",
        ["2024-01-31", "2024-02-01"],
    ),
    one(
        "month first by evidence",
        ["01/31/2024", "01/02/2024"],
        "DATE",
        ["2024-01-31", "2024-01-02"],
    ),
    same("no evidence of the order", ["01/02/2024", "03/04/2024"], TEXT),
    one(
        "the order given",
        ["01/02/2024", "03/04/2024"],
        "DATE",
        ["2024-02-01", "2024-04-03"],
        date_formats=("%d/%m/%Y",),
    ),
    one(
        "local times",
        ["31.01.2024 08:30", "01.02.2024 09:00"],
        "TIMESTAMP",
        ["2024-01-31 08:30:00", "2024-02-01 09:00:00"],
    ),
    one(
        "months in words, given",
        ["5 Jan 2024", "31 Dec 2023"],
        "DATE",
        ["2024-01-05", "2023-12-31"],
        date_formats=("%d %b %Y",),
    ),
    one(
        "a letter between day and time",
        ["2024-01-05T13:45:00"],
        "TIMESTAMP",
        ["2024-01-05 13:45:00"],
    ),
    one(
        "microseconds",
        ["2024-01-05 13:45:00.123456"],
        "TIMESTAMP",
        ["2024-01-05 13:45:00.123456"],
    ),
    one(
        "nanoseconds",
        ["2024-01-05 13:45:00.123456789", "2024-01-05 13:45:00"],
        "TIMESTAMP_NS",
        ["2024-01-05 13:45:00.123456789", "2024-01-05 13:45:00"],
    ),
    same(
        "nanoseconds before 1677",
        ["1600-01-01 00:00:00.123456789", "2024-01-05 13:45:00.5"],
        TEXT,
    ),
    same("picoseconds", ["2024-01-05 13:45:00.123456789012"], TEXT),
    same("a leap second", ["2016-12-31 23:59:60", "2016-12-31 23:59:59"], TEXT),
    same("midnight at the end", ["2024-01-05 24:00:00", "2024-01-05 23:00:00"], TEXT),
    same("times of day", ["13:45:00", "08:05:09"], "TIME"),
    one("hours and minutes", ["13:45", "8:05"], "TIME", ["13:45:00", "08:05:00"]),
    same("nanoseconds of the day", ["13:45:00.123456789", "13:45:00"], "TIME_NS"),
    one(
        "UTC",
        ["2024-01-01T09:00:00Z", "2024-01-01T10:00:00Z"],
        ZONED,
        ["2024-01-01 09:00:00+00", "2024-01-01 10:00:00+00"],
    ),
    one(
        "offsets",
        [
            "2024-01-01T09:00:00+09:00",
            "2024-01-01 10:00:00 +0100",
            "2024-01-01 10:00:00 UTC",
        ],
        ZONED,
        ["2024-01-01 00:00:00+00", "2024-01-01 09:00:00+00", "2024-01-01 10:00:00+00"],
    ),
    same("nanoseconds with a zone", ["2024-01-01T09:00:00.123456789Z"], TEXT),
    same(
        "a zone here and there", ["2024-01-01 09:00:00", "2024-01-01 09:00:00Z"], TEXT
    ),
    same(
        "names of zones", ["2024-01-01 09:00:00 KST", "2024-01-01 09:00:00 PST"], TEXT
    ),
    same("days and other words", ["infinity", "2024-01-05"], TEXT),
    one("a decimal comma in quotes", ['"1,5"', '"0,25"'], FLOAT, ["1.5", "0.25"]),
    one(
        "thousands in quotes",
        ['"1,234,567"', '"1,234.5"'],
        FLOAT,
        ["1234567.0", "1234.5"],
    ),
    one(
        "whole thousands in quotes",
        ['"1,234,567"', '"1,234"'],
        INT,
        ["1234567", "1234"],
    ),
    one("a comma that says nothing", ['"1,234"', '"1,235"'], TEXT, ["1,234", "1,235"]),
    one(
        "the decimal comma given",
        ['"1,234"', '"1,235"'],
        FLOAT,
        ["1.234", "1.235"],
        decimal=",",
    ),
    one(
        "thousands given", ['"1,234"', '"1,235"'], INT, ["1234", "1235"], thousands=","
    ),
    one("text by choice", ["1", "2"], TEXT, ["1", "2"], types={"v": "VARCHAR"}),
    one(
        "numbers by choice",
        ["01", "V2", "+3"],
        INT,
        ["1", None, "3"],
        types={"v": "BIGINT"},
    ),
    one(
        "decimals by choice",
        ["1.5", "2.25", "x"],
        "DECIMAL(10,2)",
        ["1.50", "2.25", None],
        types={"v": "DECIMAL(10,2)"},
    ),
    Shape(
        "years above fractions",
        ("country,1960,1961\nKorea,6.1,6.0\nChina,5.7,5.8\n",),
        {"country": TEXT, "1960": FLOAT, "1961": FLOAT},
        [("Korea", "6.1", "6.0")],
    ),
    Shape(
        "years above counts",
        ("country,1960,1961\nKorea,61,60\nChina,57,58\n",),
        {"country": TEXT, "1960": INT, "1961": INT},
        [("Korea", "61", "60")],
    ),
    Shape(
        "truth above numbers",
        ("label,true,false\nx,1,2\ny,3,4\n",),
        {"label": TEXT, "true": INT, "false": INT},
        [("x", "1", "2"), ("y", "3", "4")],
    ),
    Shape(
        "a null word above numbers",
        ("id,NA,b\n1,2,3\n",),
        {"id": INT, "NA": INT, "b": INT},
        [("1", "2", "3")],
    ),
    Shape(
        "days above numbers",
        ("city,2024-01-01,2024-02-01\nSeoul,1.5,2\n",),
        {"city": TEXT, "2024-01-01": FLOAT, "2024-02-01": INT},
        [("Seoul", "1.5", "2")],
    ),
    Shape(
        "counted columns above fractions",
        ("0,1,2\n0.5,0.1,0.2\n0.6,0.3,0.4\n",),
        {"0": FLOAT, "1": FLOAT, "2": FLOAT},
        [("0.5", "0.1", "0.2")],
    ),
    Shape(
        "numbers without a header",
        ("1,2\n3,4\n",),
        {"column_1": INT, "column_2": INT},
        [("1", "2"), ("3", "4")],
    ),
    Shape(
        "names and numbers without a header",
        ("Kim,5,6\nLee,7,8\n",),
        {"column_1": TEXT, "column_2": INT, "column_3": INT},
        [("Kim", "5", "6"), ("Lee", "7", "8")],
    ),
    Shape(
        "a header by choice",
        ("1,2\n3,4\n",),
        {"1": INT, "2": INT},
        [("3", "4")],
        options={"has_header": True},
    ),
    Shape(
        "no header by choice",
        ("a,b\nc,d\n",),
        {"column_1": TEXT, "column_2": TEXT},
        [("a", "b"), ("c", "d")],
        options={"has_header": False},
    ),
    Shape(
        "names given",
        ("a,b\n1,2\n",),
        {"x": INT, "y": INT},
        [("1", "2")],
        options={"names": ("x", "y")},
    ),
    Shape(
        "lines to skip",
        ("made by a tool\n\na,b\n1,2\n",),
        {"a": INT, "b": INT},
        [("1", "2")],
        options={"skip_lines": 2},
    ),
    Shape(
        "a header in the third line",
        ("x,x\ny,y\na,b\n1,2\n",),
        {"a": INT, "b": INT},
        [("1", "2")],
        options={"header_row": 3, "has_header": True},
    ),
    Shape(
        "comments",
        ("# by hand\na,b\n1,2\n# half\n3,4\n",),
        {"a": INT, "b": INT},
        [("1", "2"), ("3", "4")],
        options={"comment": "#"},
    ),
    Shape(
        "the separator of Excel",
        ("sep=;\na;b\n1;2\n",),
        {"a": INT, "b": INT},
        [("1", "2")],
    ),
    Shape(
        "a file of German Excel",
        ("a;b;c\r\n1;1,5;31.01.2024\r\n2;1.234,75;01.02.2024\r\n",),
        {"a": INT, "b": FLOAT, "c": "DATE"},
        [("1", "1.5", "2024-01-31"), ("2", "1234.75", "2024-02-01")],
    ),
    Shape(
        "another quote",
        ("a,b\n'x,y',1\n'z',2\n",),
        {"a": TEXT, "b": INT},
        [("x,y", "1")],
        options={"quote": "'"},
    ),
    Shape(
        "no quotes",
        ('a,b\n5",1\n6",2\n',),
        {"a": TEXT, "b": INT},
        [('5"', "1")],
        options={"quote": ""},
    ),
    Shape(
        "another delimiter",
        ("a:b\n1:2\n",),
        {"a": INT, "b": INT},
        [("1", "2")],
        options={"delimiter": ":"},
    ),
    Shape(
        "line ends of Windows in a cell",
        (b'id,v\n1,"a\r\nb"\n2,c\n',),
        {"id": INT, "v": TEXT},
        [("1", "a\r\nb"), ("2", "c")],
    ),
    Shape(
        "a line feed in a file of Windows",
        (b'id,v\r\n1,"a\nb"\r\n2,"a\rb"\r\n',),
        {"id": INT, "v": TEXT},
        [("1", "a\nb"), ("2", "a\rb")],
    ),
    Shape(
        "line ends of old Macs",
        (b"id,v\r1,a\r2,b\r",),
        {"id": INT, "v": TEXT},
        [("1", "a"), ("2", "b")],
    ),
    Shape(
        "mixed line ends",
        (b"id,v\r\n1,a\n2,b\r\n",),
        {"id": INT, "v": TEXT},
        [("1", "a"), ("2", "b")],
    ),
    Shape(
        "a column of the name of row numbers",
        ("file_row_number,b\n1,2\n",),
        {"file_row_number_2": INT, "b": INT},
        [("1", "2")],
    ),
    Shape(
        "a long cell",
        (f"a,b\n1,{'x' * 200_000}\n2,y\n",),
        {"a": INT, "b": TEXT},
        [("1", "x" * 200_000), ("2", "y")],
    ),
    Shape(
        "columns in another order",
        ("a,b\n1,x\n", "b,a\ny,2.5\n"),
        {"a": FLOAT, "b": TEXT},
        [("1.0", "x"), ("2.5", "y")],
    ),
    Shape(
        "other delimiters in each file",
        ("a,b\n1,x\n", "a;b\n2;y\n"),
        {"a": INT, "b": TEXT},
        [("1", "x"), ("2", "y")],
    ),
    Shape(
        "a misfit in the last file",
        ("a\n1\n", "a\n2\n", "a\n01\n"),
        {"a": TEXT},
        [("1",), ("2",), ("01",)],
    ),
    Shape(
        "missing columns",
        ("a\n1\n", "b\n2\n"),
        {"a": INT, "b": INT},
        [("1", None), (None, "2")],
        options={"union_by_name": True},
    ),
    Shape(
        "some short rows",
        ("a,b\n" + "1,2\n" * 50 + "1\n",),
        {"a": INT, "b": INT},
        [("1", "2")],
        rejected=1,
    ),
    Shape(
        "names of the same letters",
        ("a,A\n1,2\n",),
        {"a": INT, "A_2": INT},
        [("1", "2")],
    ),
    *[
        Shape(
            f"text in {encoding}",
            (f"{first},x\n{second},1\n{third},2\n".encode(encoding),),
            {first: TEXT, "x": INT},
            [(second, "1"), (third, "2")],
        )
        for encoding, first, second, third in [
            ("cp949", "도시", "서울특별시", "부산광역시"),
            ("cp932", "都市", "東京都千代田区", "大阪府大阪市"),
            ("gb18030", "城市", "北京市朝阳区", "上海市浦东新区"),
            ("cp950", "城市", "臺北市信義區", "高雄市左營區"),
            ("cp1252", "Straße", "Königsallee 5 €", "Münchner Straße"),
            ("cp1250", "Województwo", "Łódzkie i śląskie", "Świętokrzyskie"),
            ("utf-8-sig", "도시", "서울", "부산"),
            ("utf-16-le", "도시", "서울", "부산"),
            ("utf-16-be", "都市", "東京", "大阪"),
            ("utf-32", "도시", "서울", "부산"),
        ]
    ],
    Shape(
        "the Unicode text of Excel",
        ("도시\t값\r\n서울\t1.5\r\n".encode("utf-16"),),
        {"도시": TEXT, "값": FLOAT},
        [("서울", "1.5")],
    ),
    Shape(
        "the separator, decimals and days of German Excel",
        ("sep=;\r\nOrt;Preis;Tag\r\nKöln;1.234,50;31.01.2024\r\n".encode("cp1252"),),
        {"Ort": TEXT, "Preis": FLOAT, "Tag": "DATE"},
        [("Köln", "1234.5", "2024-01-31")],
    ),
    Shape(
        "a broken byte",
        (
            ("도시,x\n" + "서울특별시,1\n부산광역시,2\n" * 9).encode("cp949")
            + b"\xb0,3\n",
        ),
        {"도시": TEXT, "x": INT},
        [("서울특별시", "1")],
        rejected=1,
    ),
    Shape(
        "a line of another encoding",
        (
            ("도시,x\n" + "서울특별시,1\n부산광역시,2\n" * 9).encode("cp949")
            + "대구광역시,3\n".encode(),
        ),
        {"도시": TEXT, "x": INT},
        [("서울특별시", "1")],
        [("부산광역시", "2")],
        rejected=1,
    ),
    Shape(
        "an encoding by choice",
        ("město;x\nPříbram;1\n".encode("cp1250"),),
        {"město": TEXT, "x": INT},
        [("Příbram", "1")],
        options={"encoding": "cp1250"},
    ),
    Shape(
        "a workbook of codes, prices and days",
        (
            simple(
                cells("code", "price", "day"),
                cells("007", 0.1, number(45296, 1)),
                cells("010", 1.1000000000000001, number(45297, 1)),
                formats=["yyyy-mm-dd"],
            ),
        ),
        {"code": TEXT, "price": FLOAT, "day": "DATE"},
        [("007", "0.1", "2024-01-05"), ("010", "1.1", "2024-01-06")],
        name="a.xlsx",
    ),
    Shape(
        "a workbook of an old Mac",
        (
            simple(
                cells("day", "n"),
                cells(number(43834, 1), 1),
                formats=["d.m.yyyy"],
                since_1904=True,
            ),
        ),
        {"day": "DATE", "n": INT},
        [("2024-01-05", "1")],
        name="a.xlsx",
    ),
    Shape(
        "numbers and words in a column of a workbook",
        (simple(cells("v", "n"), cells(5, 1), cells("five", 2), cells(5.5, 3)),),
        {"v": TEXT, "n": INT},
        [("5", "1"), ("five", "2"), ("5.5", "3")],
        name="a.xlsx",
    ),
    Shape(
        "null words in a column of a workbook",
        (simple(cells("v", "n"), cells(5, 1), cells("NA", 2)),),
        {"v": INT, "n": INT},
        [("5", "1"), (None, "2")],
        name="a.xlsx",
    ),
    Shape(
        "formulas and errors",
        (
            simple(
                cells("v", "n"),
                cells(formula("1+1", 2), 1),
                cells(formula("1+2"), 2),
                cells(error("#N/A"), 3),
            ),
        ),
        {"v": INT, "n": INT},
        [("2", "1"), (None, "2"), (None, "3")],
        name="a.xlsx",
    ),
    Shape(
        "a sheet by choice, below a title",
        (
            workbook(
                {
                    "First": sheet(cells("x"), cells(1)),
                    "Second": sheet(
                        cells("Sales of 2024"), cells("a", "b"), cells(1, 2)
                    ),
                }
            ),
        ),
        {"a": INT, "b": INT},
        [("1", "2")],
        options={"sheet": "Second", "header_row": 2},
        name="a.xlsx",
    ),
    Shape(
        "folders of an archive",
        (
            zipped(
                {
                    "day=2024-01-31/city=Seoul/a.csv": "v\n1\n",
                    "day=2024-02-01/city=01/b.csv": "v\n2.5\n",
                }
            ),
        ),
        {"v": FLOAT, "day": "DATE", "city": TEXT},
        [("1.0", "2024-01-31", "Seoul"), ("2.5", "2024-02-01", "01")],
        name="a.zip",
    ),
]
