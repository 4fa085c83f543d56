"""Metrics of runs: every point that was logged, and the newest of each metric.

Rows go in sorted order, so that two writers of one run never wait for each other in a
circle.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db.backends.utils import CursorWrapper

from lifecycle.times import now_ms

LAST_STEP: Final = 2**63 - 1

_COLUMNS = "run_id, key_id, dataset, step, timestamp_ms, value, is_nan"
_VALUES = "VALUES (%s, %s, %s, %s, %s, %s, %s)"
_INSERT_POINT = (
    f"INSERT INTO lifecycle_metricpoint ({_COLUMNS}) {_VALUES} ON CONFLICT DO NOTHING"
)
# An older point that arrives late must not become the newest.
_UPSERT_LATEST = f"""
    INSERT INTO lifecycle_latestmetric AS latest ({_COLUMNS}) {_VALUES}
    ON CONFLICT (run_id, key_id, dataset) DO UPDATE SET
        step = excluded.step, timestamp_ms = excluded.timestamp_ms,
        value = excluded.value, is_nan = excluded.is_nan
    WHERE (excluded.step, excluded.timestamp_ms, excluded.value)
        > (latest.step, latest.timestamp_ms, latest.value)
"""
_NEWEST_STEPS = """
    SELECT k.name, m.dataset, m.step
    FROM lifecycle_latestmetric m JOIN lifecycle_key k ON k.id = m.key_id
    WHERE m.run_id = %s AND k.name IN ({})
"""


@dataclass(frozen=True, slots=True)
class NewPoint:
    """A value to be logged; NaN and infinities are kept as they are."""

    name: str
    value: float
    step: int = 0
    timestamp_ms: int = field(default_factory=now_ms)
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A value to be logged; without a step it is the next of its metric."""

    name: str
    value: float
    dataset: str = ""
    step: int | None = None


PointRow = tuple[int, int, str, int, int, float, bool]


def write(
    cursor: CursorWrapper, run: int, points: Iterable[NewPoint], keys: Mapping[str, int]
) -> None:
    """Store points and the newest of each metric.

    `keys` has the id of every name (`keys.intern`). A point that is there already is
    no error, so that a client may send a batch again. Whether the run takes points is
    the caller's question.
    """
    rows = sorted({_row(run, keys[point.name], point) for point in points})
    if len(rows) == 1:
        cursor.execute(_INSERT_POINT, rows[0])
        cursor.execute(_UPSERT_LATEST, rows[0])
    elif rows:
        newest = {(row[1], row[2]): row for row in rows}
        cursor.executemany(_INSERT_POINT, rows)
        cursor.executemany(_UPSERT_LATEST, list(newest.values()))


def with_steps(
    cursor: CursorWrapper, run: int, snapshots: Sequence[Snapshot]
) -> list[NewPoint]:
    """Return points; what has no step gets the one after the newest of its metric.

    So a client that only ever sends the present value leaves a curve. The caller
    holds the run.
    """
    steps = _newest_steps(cursor, run, {snapshot.name for snapshot in snapshots})
    points = []
    for snapshot in snapshots:
        metric = snapshot.name, snapshot.dataset
        step = snapshot.step
        if step is None:
            step = min(steps.get(metric, -1) + 1, LAST_STEP)
        steps[metric] = max(step, steps.get(metric, step))
        points.append(
            NewPoint(snapshot.name, snapshot.value, step, dataset=snapshot.dataset)
        )
    return points


def _newest_steps(
    cursor: CursorWrapper, run: int, names: set[str]
) -> dict[tuple[str, str], int]:
    if not names:
        return {}
    marks = ",".join(["%s"] * len(names))
    cursor.execute(_NEWEST_STEPS.format(marks), [run, *names])
    return {(name, dataset): step for name, dataset, step in cursor.fetchall()}


def _row(run: int, key: int, point: NewPoint) -> PointRow:
    is_nan = math.isnan(point.value)
    value = 0.0 if is_nan else float(point.value)
    return run, key, point.dataset, point.step, point.timestamp_ms, value, is_nan
