"""What is asked of every table, computed once: first rows, a sample, statistics."""

from pathlib import Path

import orjson

from datasets.analytics.cells import Losses, records, select_list
from datasets.analytics.content import Content, Reading
from datasets.analytics.engine import Cursor
from datasets.analytics.figures import Profile
from datasets.analytics.profile import profile_with
from datasets.analytics.sql import ROW_NUMBER, Source, quote_literal, source

HEAD_FILE, SAMPLE_FILE, PROFILE_FILE = "head.json", "sample.parquet", "profile.json"
HEAD_ROWS = 100
SAMPLE_ROWS = 10_000


def write_sidecars(cursor: Cursor, data: Path, folder: Path) -> tuple[Profile, Content]:
    """Write head.json, sample.parquet and profile.json.

    Return the profile, and the content, whose digest comes out of the same pass.
    """
    place = source(data)
    columns = cursor.columns(place)
    head = cursor.rows(
        f"SELECT {select_list(columns)} FROM {place.sql} LIMIT {HEAD_ROWS:d}",  # noqa: S608
        place.parameters,
    )
    _write(folder / HEAD_FILE, records(columns, head, Losses()))
    sample = _write_sample(cursor, place, folder / SAMPLE_FILE)
    reading = Reading(data, columns)
    found = profile_with(cursor, place, columns, sample, reading.blocks())
    _write(folder / PROFILE_FILE, found)
    return found, reading.content()


def _write_sample(cursor: Cursor, place: Source, target: Path) -> Source:
    """Take rows without replacement, the same for the same content.

    The rows whose positions have the smallest hashes: a cut that a filter can make.
    A join with chosen positions may hold the whole table in memory.
    """
    (cut,) = cursor.row(
        f"SELECT max(cut) FROM (SELECT hash({ROW_NUMBER}) AS cut"  # noqa: S608
        f" FROM {place.numbered_sql} ORDER BY cut LIMIT {SAMPLE_ROWS:d})",
        place.parameters,
    )
    path = quote_literal(str(place.paths[0]))
    cursor.rows(
        f"COPY (SELECT * EXCLUDE ({ROW_NUMBER}) FROM"  # noqa: S608 - literals
        f" read_parquet({path}, {ROW_NUMBER}=true) WHERE hash({ROW_NUMBER}) <= {cut:d})"
        f" TO {quote_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)",
        {},
    )
    target.chmod(0o444)
    return source(target)


def _write(path: Path, body: object) -> None:
    path.write_bytes(orjson.dumps(body))
    path.chmod(0o444)
