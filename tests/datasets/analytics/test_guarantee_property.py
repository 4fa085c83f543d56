"""Random tables, dialects and encodings: the promise, checked by an oracle in Python.

By hand with more tables: `GUARANTEE_EXAMPLES=10000 pytest …`.
"""

import csv
import io
import os
import re
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.analytics.engine import Engine
from datasets.analytics.engine import Limits as EngineLimits
from datasets.analytics.ingest import Limits, Options, SourceFile, csv_file
from datasets.analytics.ingest.context import Context
from datasets.analytics.ingest.plain import prepare

EXAMPLES = int(os.environ.get("GUARANTEE_EXAMPLES", "12"))
NULL_WORDS = set(Options().null_values)

WHOLE = st.integers(-(2**70), 2**70).map(str)
SMALL = st.integers(-1000, 1000).map(str)
FRACTION = st.decimals(-(10**9), 10**9, places=3).map(str)
FLOAT = st.floats(allow_nan=False, allow_infinity=False).map(repr)
DAY = st.dates().map(str)
TIME = st.datetimes().map(str)
ODD = st.sampled_from(
    [
        "01234",
        "+5",
        "0x10",
        "1_000",
        "1e400",
        "1e-400",
        "5.",
        ".5",
        "-0",
        "NA",
        "-",
        "V12",
        "true",
        "t",
        "2024-02-30",
        "1,5",
        "1,234",
        " 7",
        "nan",
        "inf",
        "9" * 20,
        "0.12345678901234567891",
        "2024-01-05 13:45:00.123456789",
        "a\r\nb",
        'say "x"',
    ]
)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=8
)
KINDS = st.sampled_from([SMALL, WHOLE, FRACTION, FLOAT, DAY, TIME, TEXT])


@st.composite
def columns(draw):
    """A column of one kind, with some cells of another anywhere."""
    height = draw(st.integers(1, 12))
    kind = draw(KINDS)
    cells = draw(st.lists(kind | st.just(""), min_size=height, max_size=height))
    for cell in draw(st.lists(ODD | TEXT, max_size=2)):
        cells[draw(st.integers(0, height - 1))] = cell
    return cells


@st.composite
def tables(draw):
    found = draw(st.lists(columns(), min_size=1, max_size=4))
    height = max(map(len, found))
    grid = [cells + [""] * (height - len(cells)) for cells in found]
    # Below more rows than the first look takes, nobody has seen the misfit yet.
    copies = draw(st.sampled_from([1, 1, 1, 400]))
    if copies > 1:
        grid = [[cell for cell in cells for _ in range(copies)] for cells in grid]
    return [[str(place) for place in range(len(grid[0]))], *grid]


def written(grid, *, delimiter, ends, encoding):
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ends)
    writer.writerow([f"c{place}" for place in range(len(grid))])
    writer.writerows(zip(*grid, strict=True))
    return out.getvalue().encode(encoding)


def read(body, **options):
    """Return the types, the columns as text and the report, without statistics."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        upload = folder / "upload"
        upload.write_bytes(body)
        engine = Engine(folder, EngineLimits(1, "512MB", "1GB", 60, 1, 1))
        with engine.cursor() as cursor:
            context = Context(folder, Options(**options), Limits(), cursor)
            found = csv_file.read(
                context, [prepare(context, SourceFile(upload, "a.csv"))]
            )
            rows = cursor.rows(
                f"SELECT COLUMNS(*)::VARCHAR FROM '{folder}/data.parquet'", {}
            )
        engine.close()
    kept = [list(cells) for cells in zip(*rows, strict=True)]
    return found.dialect["types"], kept, found.report()


def number(text):
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def is_same(kind, cell, value):
    """Return whether a value is the cell's by the rules of its type."""
    text = cell.strip(" \t")
    if kind == "VARCHAR":
        return value == (cell or None)
    if value is None:
        return text in NULL_WORDS
    if kind == "BOOLEAN":
        return value == text.lower()
    if kind in {"BIGINT", "DOUBLE"} or kind.startswith("DECIMAL"):
        # Grouped digits are numbers where a cell leaves no doubt.
        return number(text.replace(",", ".")) == number(value) or "," in text
    return value.replace("T", " ").startswith(text.split(".")[0].rstrip(":0")[:10])


def must_be(cells):
    """Return the type that cells of plain numbers must have; None for all others."""
    values = [cell for cell in cells if cell.strip(" \t") not in NULL_WORDS]
    if not values or any(set(cell) - set("-0123456789.") for cell in values):
        return None
    if all(re.fullmatch(r"-?[1-9]\d*|0", cell) for cell in values):
        fits = all(-(2**63) <= int(cell) < 2**63 for cell in values)
        return "BIGINT" if fits else "DECIMAL(38,0)"
    if not all(re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?", cell) for cell in values):
        return None
    exact = all(number(cell) == number(repr(float(cell))) for cell in values)
    return "DOUBLE" if exact else None


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_every_cell_is_kept_with_its_value_or_missing_and_counted(
    grid, delimiter, ends, encoding
):
    body = written(grid, delimiter=delimiter, ends=ends, encoding=encoding)

    types, kept, report = read(body, delimiter=delimiter, has_header=True)

    assert report["rejected"]["count"] == 0
    counts = {row["column"]: row["count"] for row in report["cells"]["missing_words"]}
    for (name, kind), cells, values in zip(types.items(), grid, kept, strict=True):
        assert len(values) == len(cells)
        changed = [
            (cell, value)
            for cell, value in zip(cells, values, strict=True)
            if not is_same(kind, cell, value)
        ]
        assert not changed, (name, kind, changed[:3])
        assert kind == (must_be(cells) or kind), (name, kind, cells[:20])
        words = sum(1 for cell in cells if cell and cell.strip(" \t") in NULL_WORDS)
        assert counts.get(name, 0) == (0 if kind == "VARCHAR" else words)
        if kind == "VARCHAR":
            assert Counter(values) == Counter(cell or None for cell in cells)
