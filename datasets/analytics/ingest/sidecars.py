"""Answers precomputed for every table: first rows, a sample, statistics."""

from pathlib import Path

import orjson

from datasets.analytics.cells import Losses, records, select_list
from datasets.analytics.content import Content, Reading
from datasets.analytics.engine import Cursor
from datasets.analytics.figures import Profile
from datasets.analytics.ingest.sampling import Sampling
from datasets.analytics.profile import profile_with
from datasets.analytics.sql import Source, source_of

HEAD_FILE, SAMPLE_FILE, PROFILE_FILE = "head.json", "sample.parquet", "profile.json"
HEAD_ROWS = 100


def write_sidecars(cursor: Cursor, data: Path, folder: Path) -> tuple[Profile, Content]:
    """Write head.json, sample.parquet and profile.json.

    Return the profile, and the content, whose digest comes out of the same pass.
    """
    place = source_of(data)
    columns = cursor.columns(place)
    head = cursor.rows(
        f"SELECT {select_list(columns)} FROM {place.sql} LIMIT {HEAD_ROWS:d}",  # noqa: S608
        place.parameters,
    )
    _write(folder / HEAD_FILE, records(columns, head, Losses()))
    (rows,) = cursor.row(
        f"SELECT count(*) FROM {place.sql}",  # noqa: S608 - a bound path
        place.parameters,
    )
    reading, sampling = Reading(data, columns), Sampling(cursor, place, rows)

    def sampled() -> Source:
        sampling.write(folder / SAMPLE_FILE, columns)
        return source_of(folder / SAMPLE_FILE)

    found = profile_with(
        cursor, place, columns, sampled, sampling.watched(reading.blocks())
    )
    _write(folder / PROFILE_FILE, found)
    return found, reading.content()


def _write(path: Path, body: object) -> None:
    path.write_bytes(orjson.dumps(body))
    path.chmod(0o444)
