"""Figures of versions: metrics that were recorded when one was registered."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.backends.utils import CursorWrapper

_INSERT = """
    INSERT INTO lifecycle_versionmetric (version_id, name, value, dataset)
    VALUES (%s, %s, %s, %s)
"""
# An infinity less itself is no 0, so that only finite values are copied.
_COPY_NEWEST = """
    INSERT INTO lifecycle_versionmetric (version_id, name, value, dataset)
    SELECT %s, k.name, m.value, NULLIF(m.dataset, '')
    FROM lifecycle_latestmetric m JOIN lifecycle_key k ON k.id = m.key_id
    WHERE m.run_id = %s AND NOT m.is_nan AND m.value - m.value = 0
    ORDER BY k.name, m.dataset
"""


@dataclass(frozen=True, slots=True)
class NewFigure:
    """A metric to be recorded with a version, on a dataset where one is named."""

    name: str
    value: float
    dataset: str | None = None


def write(
    cursor: CursorWrapper,
    version: str,
    figures: Sequence[NewFigure] | None,
    *,
    run: int | None,
) -> None:
    """Store the metrics of a new version; None copies its run's latest metrics."""
    if figures is None:
        if run is not None:
            cursor.execute(_COPY_NEWEST, (version, run))
    elif figures:
        rows = [(version, one.name, one.value, one.dataset) for one in figures]
        cursor.executemany(_INSERT, rows)
