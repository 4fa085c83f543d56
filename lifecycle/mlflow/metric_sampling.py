"""Downsampling of a long metric history for charts."""

from typing import Final

from django.db.backends.utils import CursorWrapper

Interval = tuple[int, int] | None
SampledRow = tuple[int, int, float, bool]

_BETWEEN: Final = " AND p.step BETWEEN %s AND %s"
# The rows are dealt into `most` buckets, of which the first `longer` have one row more.
_SAMPLE: Final = """
    SELECT step, timestamp_ms, value, is_nan FROM (
        SELECT *, total / {most} AS size, total %% {most} AS longer FROM (
            SELECT p.step, p.timestamp_ms, p.value, p.is_nan,
                COUNT(*) OVER () AS total,
                ROW_NUMBER() OVER (
                    ORDER BY p.step, p.timestamp_ms, p.value, p.is_nan) - 1 AS place
            FROM lifecycle_metricpoint p
            WHERE p.run_id = %s
                AND p.key_id = (SELECT id FROM lifecycle_key WHERE name = %s){between}
        ) placed
    ) dealt
    WHERE total <= {most} OR place = total - 1 OR (
        place < ({most} - 1) * size + longer
        AND CASE WHEN place < longer * (size + 1) THEN place %% (size + 1)
            ELSE (place - longer * (size + 1)) %% size END = 0)
    ORDER BY step, timestamp_ms, value, is_nan
"""


def sampled(
    cursor: CursorWrapper, run: int, key: str, *, between: Interval, most: int
) -> list[SampledRow]:
    """Return (step, time, value, is_nan) of at most `most` points, by step and time.

    They are spread evenly over the points, however many share a step; the first and
    the newest one are among them, of a single one the newest. `run` is a primary key,
    both ends of `between` are included.
    """
    statement = _SAMPLE.format(most=int(most), between=_BETWEEN if between else "")
    cursor.execute(statement, (run, key, *(between or ())))
    rows: list[SampledRow] = cursor.fetchall()
    return rows
