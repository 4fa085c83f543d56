"""What is exported and read again is the same content, in all four formats.

By hand with more tables: `GUARANTEE_EXAMPLES=10000 pytest …`.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given

from datasets.analytics import engine, export
from datasets.analytics.export import ExportFormat, Request
from datasets.analytics.ingest import InputFile, Limits, Options
from datasets.analytics.ingest.conversion import Conversion
from datasets.analytics.sql import TableColumn
from tests.datasets.analytics.random_tables import PROPERTY, typed_tables


def read(folder, body, name, **options):
    place = folder / f"read_{sum(1 for _ in folder.iterdir())}"
    (place / "out").mkdir(parents=True)
    (place / "upload").write_bytes(body)
    files = [InputFile(place / "upload", name)]
    given_ = Options.from_json(options)
    outcome = Conversion(files, place / "out", given_, Limits(), None).run()
    return outcome, place / "out/data.parquet"


def exported_again(folder, first, kind):
    """Export the table of an outcome and read that with the options handed along."""
    outcome, path = first
    columns = [TableColumn(column.name, column.type) for column in outcome.columns]
    body = b"".join(export.stream(path, Request(ExportFormat(kind), is_guarded=False)))
    options = export.reading_options(columns, kind)
    return read(folder, body, f"a.{kind}", **options)


def not_numbers(dtype):
    """Return a table of NaN with either sign, in which no value but the sign differs."""
    values = np.array([np.nan, -np.nan, 0.5], dtype=dtype)
    return pa.table({"x": pa.array(values)})


def far_times():
    """Return days and times before the year 1, after 9999, and without an end."""
    days = pa.array([-800_000, 3_000_000, -719_163, 2**31 - 1, 1 - 2**31, None])
    seconds = pa.array([-(10**11), 10**12, None, 0, 1, 2])
    return pa.table(
        {
            "day": days.cast(pa.int32()).cast(pa.date32()),
            "time": seconds.cast(pa.timestamp("s")),
            "instant": seconds.cast(pa.timestamp("s", "UTC")),
        }
    )


def identifiers():
    """Return identifiers, which Arrow has as a type of its own."""
    ids = pa.array([b"0" * 16, None], pa.uuid())
    return pa.table({"id": ids, "i": [1, 2]})


@PROPERTY
@given(typed_tables())
@example(far_times())
@example(identifiers())
@example(not_numbers(np.float32))
@example(not_numbers(np.float64))
@example(pa.table({"x": pa.array([0.1, 1 / 3, 1e30, 1e-40], pa.float32())}))
def test_an_export_that_is_read_again_is_the_same_content(table):
    before = engine.settings()
    with TemporaryDirectory() as place:
        folder = Path(place)
        out = pa.BufferOutputStream()
        pq.write_table(table, out)
        engine.configure(folder)
        try:
            first = read(folder, out.getvalue().to_pybytes(), "a.parquet")
            again = {
                kind: exported_again(folder, first, kind)[0] for kind in ExportFormat
            }
        finally:
            engine.restore(before)

    for kind, found in again.items():
        assert found.content_digest == first[0].content_digest, (
            kind,
            found.columns,
            found.report["cells"],
        )
        assert not found.report["cells"].get("rounded"), kind


def test_the_end_of_a_day_comes_back_from_binary_formats(data):
    times = pa.array([86_400_000_000, 0, None], pa.int64()).view(pa.time64("us"))
    out = pa.BufferOutputStream()
    pq.write_table(pa.table({"at": times, "i": [1, 2, 3]}), out)
    first = read(data, out.getvalue().to_pybytes(), "a.parquet")

    again = {kind: exported_again(data, first, kind) for kind in ("parquet", "arrow")}

    types = {kind: found.columns[0].type for kind, (found, _) in again.items()}
    assert types == {"parquet": "TIME", "arrow": "VARCHAR"}
    for _, path in again.values():
        assert cells(path) == ["24:00:00", "00:00:00", None]


def cells(path):
    """Return the first column as texts, in the order of the file."""
    sql = "SELECT COLUMNS(*)::VARCHAR FROM read_parquet(?)"
    return [row[0] for row in duckdb.execute(sql, [str(path)]).fetchall()]
