"""Spans of traces: kept in packed pieces, up to a limit for each trace.

A small trace is one piece, made anew with what comes; a large one gets another piece
each time, so that a long call that reports as it goes is not packed anew as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.backends.utils import CursorWrapper

from lifecycle.spans import Span, encoded, is_root, merged, packed, unpacked
from lifecycle.store import sql
from lifecycle.store.traces import not_found

_REPACK_BYTES: Final = 256 * 2**10

_SIZE = """
    SELECT span_count, span_bytes, dropped_spans FROM lifecycle_trace WHERE id = %s
"""
_SET_SIZE = """
    UPDATE lifecycle_trace SET span_count = %s, span_bytes = %s, dropped_spans = %s
    WHERE id = %s
"""
_PIECES = "SELECT content FROM lifecycle_tracespans WHERE trace_id = %s ORDER BY id"
_INSERT = "INSERT INTO lifecycle_tracespans (trace_id, content) VALUES (%s, %s)"
_DELETE = "DELETE FROM lifecycle_tracespans WHERE trace_id = %s"


@dataclass(frozen=True, slots=True)
class _Size:
    """How much is kept of a trace, in spans and bytes of JSON, and how much is not."""

    spans: int
    size_bytes: int
    dropped: int


def add(
    cursor: CursorWrapper, trace: str, spans: Sequence[Span], *, most_bytes: int
) -> int:
    """Keep spans of a trace, each once; return how many did not fit the limit.

    Roots are kept before others. Raises NotFound.
    """
    cursor.execute(_SIZE + sql.for_update(), (trace,))
    row = cursor.fetchone()
    if row is None:
        raise not_found(trace)
    size = _Size(*row)
    if size.size_bytes > _REPACK_BYTES:
        return _append(cursor, trace, spans, size, most_bytes)
    cursor.execute(_PIECES, (trace,))
    known = merged(*(unpacked(piece) for (piece,) in cursor.fetchall()))
    fresh = {span["span_id"] for span in spans} - {span["span_id"] for span in known}
    kept, size_bytes = _fitting([*merged(known, spans)], most_bytes)
    if kept:
        cursor.execute(_DELETE, (trace,))
        cursor.execute(_INSERT, (trace, packed(kept)))
    dropped = len(known) + len(fresh) - len(kept)
    _resize(cursor, trace, _Size(len(kept), size_bytes, size.dropped + dropped))
    return dropped


def _append(
    cursor: CursorWrapper,
    trace: str,
    spans: Sequence[Span],
    size: _Size,
    most_bytes: int,
) -> int:
    """Add a piece; a span that comes again counts again until somebody reads it."""
    new = merged(spans)
    kept, size_bytes = _fitting(new, most_bytes - size.size_bytes)
    if kept:
        cursor.execute(_INSERT, (trace, packed(kept)))
    dropped = len(new) - len(kept)
    grown = _Size(
        size.spans + len(kept), size.size_bytes + size_bytes, size.dropped + dropped
    )
    _resize(cursor, trace, grown)
    return dropped


def _resize(cursor: CursorWrapper, trace: str, size: _Size) -> None:
    cursor.execute(_SET_SIZE, (size.spans, size.size_bytes, size.dropped, trace))


def _fitting(spans: list[Span], most_bytes: int) -> tuple[list[Span], int]:
    """Return the spans that fit, roots before others, and their bytes."""
    kept: list[Span] = []
    total = 0
    for span in sorted(spans, key=lambda one: not is_root(one)):
        size_bytes = len(encoded(span))
        if total + size_bytes <= most_bytes:
            kept.append(span)
            total += size_bytes
    return kept, total
