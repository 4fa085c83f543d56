"""What is exported and read again is the same content, in all four formats.

By hand with more tables: `GUARANTEE_EXAMPLES=10000 pytest …`.
"""

import datetime as dt
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.analytics import engine, export
from datasets.analytics.export import Format, Request
from datasets.analytics.ingest import Limits, Options, SourceFile
from datasets.analytics.ingest.conversion import Conversion
from datasets.analytics.sql import TableColumn

EXAMPLES = int(os.environ.get("GUARANTEE_EXAMPLES", "6"))
TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=6
) | st.sampled_from(
    ["", "NA", "null", "-", "=1+1", "'x", "007", "1e5", "true", '"', "a\r\nb", " x "]
)
MOMENT = st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2200, 1, 1))  # noqa: DTZ001
KINDS = st.sampled_from(
    [
        (pa.int8(), st.integers(-128, 127)),
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.uint64(), st.integers(0, 2**64 - 1)),
        (pa.float32(), st.floats(width=32)),
        (pa.float64(), st.floats()),
        (pa.decimal128(12, 3), st.decimals(-999, 999, places=3)),
        (pa.decimal128(38, 10), st.decimals(-(10**20), 10**20, places=10)),
        (pa.bool_(), st.booleans()),
        (pa.string(), TEXT),
        (pa.date32(), st.dates(dt.date(1, 1, 1))),
        (pa.timestamp("us"), MOMENT),
        (pa.timestamp("us", "UTC"), MOMENT),
        (pa.time64("us"), st.times()),
    ]
)
NAMES = st.lists(
    st.sampled_from(["a", "b c", "x,y", 'q"q', "=1", "-neg", "A", "가", "select"])
    | st.text(
        st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=5
    ),
    min_size=1,
    max_size=4,
    unique_by=str.lower,
)


@st.composite
def tables(draw):
    height = draw(st.integers(1, 6))
    columns = {}
    for name in draw(NAMES):
        kind, cells = draw(KINDS)
        values = draw(st.lists(st.none() | cells, min_size=height, max_size=height))
        columns[name] = pa.array(values, kind)
    return pa.table(columns)


def read(folder, body, name, **options):
    place = folder / f"read_{sum(1 for _ in folder.iterdir())}"
    (place / "out").mkdir(parents=True)
    (place / "upload").write_bytes(body)
    files = [SourceFile(place / "upload", name)]
    given_ = Options.from_json(options)
    outcome = Conversion(files, place / "out", given_, Limits(), None).run()
    return outcome, place / "out/data.parquet"


def exported_again(folder, first, kind):
    """Export the table of an outcome and read that with the options handed along."""
    outcome, path = first
    columns = [TableColumn(column.name, column.type) for column in outcome.columns]
    body = b"".join(export.stream(path, Request(Format(kind), is_guarded=False)))
    options = export.reading_options(columns, kind)
    return read(folder, body, f"a.{kind}", **options)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
@given(tables())
def test_an_export_that_is_read_again_is_the_same_content(table):
    before = engine.settings()
    with TemporaryDirectory() as place:
        folder = Path(place)
        engine.configure(folder)
        out = pa.BufferOutputStream()
        pq.write_table(table, out)
        first = read(folder, out.getvalue().to_pybytes(), "a.parquet")
        try:
            again = {kind: exported_again(folder, first, kind)[0] for kind in Format}
        finally:
            engine.restore(before)

    for kind, found in again.items():
        assert found.content_digest == first[0].content_digest, (
            kind,
            found.columns,
            found.report["cells"],
        )
