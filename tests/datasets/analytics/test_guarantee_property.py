"""Random tables, dialects and encodings: every cell as an oracle in Python has it.

By hand with more tables: `GUARANTEE_EXAMPLES=10000 pytest …`.
"""

import math
import zlib
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given

from datasets.analytics.ingest import InputFile, Limits, Options, convert
from datasets.analytics.ingest.conversion import Conversion
from tests.datasets.analytics import oracle
from tests.datasets.analytics.random_tables import PROPERTY, samples

SEEN_ROWS = 100
# To begin a child takes longer than to read a table: of so many it reads one.
TABLES_PER_CHILD = 20


def read(sample):
    """Return the outcome, the stored table and its statistics by column."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        files = []
        for number, body in enumerate(sample.bodies):
            path = folder / f"upload_{number}"
            path.write_bytes(body)
            files.append(InputFile(path, f"{number}.csv"))
        out = folder / "out"
        out.mkdir()
        options, limits = Options(**sample.options), Limits(threads=1)
        if zlib.crc32(b"".join(sample.bodies)) % TABLES_PER_CHILD:
            outcome = Conversion(files, out, options, limits).run()
        else:
            outcome = convert(files, out, options=options, limits=limits)
        stored = pq.read_table(out / "data.parquet")
        profile = orjson.loads((out / "profile.json").read_bytes())
        return outcome, stored, {row["name"]: row for row in profile["columns"]}


def values_of(column):
    """Return the values of a stored column as the oracle writes them."""
    kind = column.type
    if pa.types.is_date(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        column = column.cast(pa.int64())
    return column.to_pylist()


def expected_columns(sample):
    wanted = {
        name: oracle.chosen(cells, sample.types[name], sample.told)
        if name in sample.types
        else oracle.expected(cells, sample.told)
        for name, cells in sample.columns.items()
    }
    if any(column.decimal == "," for column in wanted.values()):
        for name, column in wanted.items():
            is_plain = column.type == "DOUBLE" and column.decimal == "."
            cells = sample.columns[name]
            if name in sample.types or not is_plain:
                continue
            if oracle.are_thousands(cells, sample.told):
                wanted[name] = oracle.as_text(cells)
    return wanted


def check_cells(outcome, stored, wanted):
    types = {column.name: column.type for column in outcome.columns}
    assert types == {name: column.type for name, column in wanted.items()}
    for name, column in wanted.items():
        found = list(map(oracle.key, values_of(stored[name])))
        expected = list(map(oracle.key, column.values))
        assert len(found) == len(expected)
        if found != expected:
            rows = [
                i
                for i, pair in enumerate(zip(found, expected, strict=True))
                if len(set(pair)) > 1
            ]
            assert not rows[:3], (name, [(i, found[i], expected[i]) for i in rows[:3]])


def check_report(report, sample, wanted):
    cells = report["cells"]
    assert report["rejected"]["count"] == 0
    words = {row["column"]: row["count"] for row in cells["missing_words"]}
    assert words == {name: col.words for name, col in wanted.items() if col.words}
    bad = {row["column"]: row["count"] for row in cells["made_missing"]}
    assert bad == {name: len(col.bad) for name, col in wanted.items() if col.bad}
    rounded = {row["column"]: row["count"] for row in cells["rounded"]}
    assert rounded == {n: len(col.rounded) for n, col in wanted.items() if col.rounded}
    for row in cells["kept_as_text"]:
        texts = sample.columns[row["column"]]
        for place in row["rows"]:
            assert place["text"] == texts[place["row"]].text[:200]
    named = {row["column"] for row in cells["kept_as_text"]}
    named |= {note.partition(":")[0] for note in report["notes"]}
    for name, column in wanted.items():
        if name in sample.types or column.type != "VARCHAR":
            continue
        if column.is_in_doubt or has_one_misfit(sample.columns[name], sample.told):
            assert name in named, (name, sample.columns[name][:9])


def has_one_misfit(cells, told):
    """Whether the first rows hold three numbers or times, and one text does not fit."""
    words = {"", *told.null_words}
    given = [cell for cell in cells if cell is not None]
    if len(given) > SEEN_ROWS or any(cell.is_quoted for cell in given):
        return False
    texts = {oracle.trimmed(cell.text) for cell in given} - words
    readers = list(oracle.readers(told))[1:]
    return any(
        sum(reader.read(text) is not None for text in texts) == len(texts) - 1 >= 3
        for reader in readers
    )


def check_figures(profile, wanted):
    """Counts, sums and distinct values survive into the statistics."""
    for name, column in wanted.items():
        there = [v for v in column.values if v is not None]
        finite = [v for v in there if not (isinstance(v, float) and math.isnan(v))]
        figures = profile[name]
        assert figures["count"] == len(finite), name
        if figures["distinct"] and figures["distinct"]["exact"]:
            same = {v + 0.0 if isinstance(v, float) else v for v in finite}
            assert figures["distinct"]["value"] == len(same), name
        numbers = [v for v in finite if isinstance(v, int | Decimal | float)]
        is_plain = all(math.isfinite(v) and abs(v) < 1e100 for v in numbers)
        if column.type in {"BIGINT", "DOUBLE"} and numbers and is_plain:
            mean = math.fsum(numbers) / len(numbers)
            spread = max(map(abs, numbers))
            assert math.isclose(
                figures["mean"], mean, rel_tol=1e-9, abs_tol=1e-9 * spread
            ), name


@PROPERTY
@given(samples())
def test_every_cell_is_kept_with_its_value_or_named(sample):
    wanted = expected_columns(sample)

    outcome, stored, profile = read(sample)

    check_cells(outcome, stored, wanted)
    check_report(outcome.report, sample, wanted)
    check_figures(profile, wanted)


def test_the_oracle_counts_days_as_the_calendar_does():
    assert oracle.days(1970, 1, 1) == 0
    assert oracle.days(2024, 2, 29) == 19_782
    assert oracle.days(1, 1, 1) == -719_162
    assert oracle.days(2023, 2, 29) is None
