"""Summaries of long metrics: derived rows, kept by whoever looked at a curve."""

from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

# Who has seen fewer points does not replace who has seen more.
_KEEP = """
    INSERT INTO lifecycle_metriccurve AS kept
        (run_id, key_id, dataset, axis, settled, shift, buckets)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (run_id, key_id, dataset, axis) DO UPDATE SET
        settled = excluded.settled, shift = excluded.shift, buckets = excluded.buckets
    WHERE excluded.settled > kept.settled
"""


@dataclass(frozen=True, slots=True)
class NewCurve:
    """A summary to be kept: of the points up to `settled`, in buckets of 2**shift."""

    run: int
    key: int
    dataset: str
    axis: str
    settled: int
    shift: int
    buckets: bytes


def keep(cursor: CursorWrapper, curve: NewCurve) -> None:
    """Store a summary, unless one of more points is there. No act of a person."""
    values = (curve.settled, curve.shift, curve.buckets)
    named = (curve.run, curve.key, curve.dataset, curve.axis)
    cursor.execute(_KEEP, (*named, *values))
