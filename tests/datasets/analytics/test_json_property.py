"""Random JSON lines: every value as it was written, or text of JSON that says it.

By hand with more tables: `GUARANTEE_EXAMPLES=10000 pytest …`.
"""

import json
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from datasets.analytics.ingest import InputFile, Limits, Options
from datasets.analytics.ingest.conversion import Conversion
from tests.datasets.analytics import oracle
from tests.datasets.analytics.random_tables import PROPERTY
from tests.datasets.analytics.test_guarantee_property import values_of

WORDS = ("NaN", "Infinity", "-Infinity")


class Number(str):
    """A number as it is written."""


INTEGERS = st.integers(-1000, 1000) | st.integers(-(2**70), 2**70)
NUMBERS = (
    INTEGERS.map(str)
    | st.decimals(-(10**6), 10**6, places=3).map(lambda number: f"{number:f}")
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.sampled_from(["-0", "-0.0", "1.50", "1e5", "1E+2", "1e400", "1e-400"])
    | st.sampled_from(["0.12345678901234567891", "9007199254740993", "9" * 39])
).map(Number)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=4) | st.sampled_from(
    [
        *("NA", "", "null", "5", "true", *WORDS, "2024-01-05", "2024-1-5", "10:30"),
        *("2024-01-05T13:45:00Z", "2024-01-05 13:45:00.123456789", "25/12/2024"),
        *(
            "2024-01-05T13:45:00",
            "a\r\nb",
            "\0",
            "[1]",
            '{"a": 1}',
            "'",
            "é",
            "e\u0301",
        ),
    ]
)
DAYS = st.dates().map(str)
KEYS = st.sampled_from(["a", "b", "A", "b c", "", "0", "é", "e\u0301", "x.y"])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
NESTED = st.recursive(
    SCALARS,
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(KEYS, inside, max_size=3)
    ),
    max_leaves=6,
).filter(lambda value: isinstance(value, list | dict))
KINDS = st.sampled_from(
    [NUMBERS, INTEGERS.map(str).map(Number), TEXTS, DAYS, st.booleans(), NESTED]
)


@st.composite
def tables(draw):
    """Records: under each key values of one kind, with some of another."""
    height = draw(st.integers(1, 6))
    records = [{} for _ in range(height)]
    for key in draw(st.lists(KEYS, min_size=1, max_size=3, unique=True)):
        kind = draw(KINDS)
        for record in records:
            if draw(st.integers(0, 7)):
                other = draw(st.integers(0, 9)) == 0
                record[key] = draw((SCALARS | NESTED) if other else (st.none() | kind))
    return [record or {"z": None} for record in records]


def text_of(value, *, escape=False):
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        inside = (
            f"{json.dumps(k)}: {text_of(v, escape=escape)}" for k, v in value.items()
        )
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(text_of(item, escape=escape) for item in value) + "]"
    return json.dumps(value, ensure_ascii=escape)


def read(body, **options):
    with TemporaryDirectory() as place:
        path = Path(place, "upload")
        path.write_bytes(body)
        out = Path(place, "out")
        out.mkdir()
        files = [InputFile(path, "a.jsonl")]
        limits = Limits(threads=1)
        outcome = Conversion(files, out, Options(**options), limits).run()
        return outcome, pq.read_table(out / "data.parquet")


def plain(value):
    """Return a value with numbers that compare by their digits."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Number | int | float | Decimal):
        return Decimal(value if isinstance(value, str) else repr(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def is_same_nested(source, stored):
    """Whether a stored structure says what was sent; a key may be missing or null."""
    if isinstance(source, dict):
        if not isinstance(stored, dict):
            # A map is a list of pairs.
            stored = dict(stored or [])
        return all(
            is_same_nested(source.get(key), stored.get(key))
            for key in source.keys() | stored.keys()
        )
    if isinstance(source, list):
        return len(source) == len(stored) and all(map(is_same_nested, source, stored))
    return plain(source) == plain(stored)


def as_json(text):
    if text is None:
        return None
    return plain(json.loads(text, parse_int=Number, parse_float=Number))


def check_column(kind, values, stored):
    there = [value for value in values if value is not None]
    numbers = [value for value in there if isinstance(value, Number)]
    words = [v for v in there if type(v) is str and v in WORDS]
    if there and all(isinstance(value, bool) for value in there):
        assert (kind, stored) == ("BOOLEAN", values)
    elif numbers and len(numbers) + len(words) == len(there):
        check_numbers(kind, values, stored)
    elif all(type(value) is str for value in there):
        check_texts(kind, values, stored)
    elif kind == "VARCHAR":
        assert list(map(as_json, stored)) == list(map(plain, values))
    else:
        assert all(isinstance(value, list | dict) for value in there), kind
        assert all(map(is_same_nested, values, stored)), (kind, values, stored)


def check_numbers(kind, values, stored):
    cells = [None if v is None else oracle.Cell(v) for v in values]
    wanted = oracle.expected(cells, oracle.Told(null_words=()))
    assert kind == wanted.type
    if kind == "VARCHAR":
        for value, text in zip(values, stored, strict=True):
            assert (value is None) == (text is None)
            assert value is None or text == value or Decimal(text) == Decimal(value)
        return
    assert list(map(oracle.key, stored)) == list(map(oracle.key, wanted.values))


def check_texts(kind, values, stored):
    """Texts become times at the most."""
    texts = [oracle.trimmed(v) for v in values if v is not None]
    told = oracle.Told(null_words=())
    readers = [r for r in oracle.readers(told) if r.type.startswith(("DATE", "TIME"))]
    readers += list(oracle.local_forms())
    fitting = [
        reader
        for reader in readers
        if any(texts)
        and all(reader.read(text) is not None for text in texts if text)
        and any(reader.is_evident(text) for text in texts if text)
    ]
    if not fitting:
        assert (kind, stored) == ("VARCHAR", values)
        return
    assert kind == fitting[0].type
    wanted = [fitting[0].read(oracle.trimmed(v)) if v else None for v in values]
    assert stored == wanted


@PROPERTY
@given(tables(), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_every_value_is_kept_or_text_of_json_that_says_it(records, escape, ends):
    lines = [text_of(record, escape=escape) for record in records]

    outcome, stored = read(ends.join(lines).encode())

    assert outcome.report["rejected"]["count"] == 0, outcome.report["rejected"]
    assert outcome.row_count == len(records)
    columns = {column.original_name: column for column in outcome.columns}
    notes = " ".join(outcome.report["notes"])
    for key in {key for record in records for key in record}:
        column = columns[key]
        values = [record.get(key) for record in records]
        check_column(column.type, values, values_of(stored[column.name]))
        absent = sum(key not in record for record in records)
        if absent and any(record.get(key, 0) is None for record in records):
            assert f"{column.name}: null in" in notes
