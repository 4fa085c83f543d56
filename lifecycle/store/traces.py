"""Traces: reported, tagged, linked to runs. Spans and deletion have their own modules.

What clients trace is telemetry: like metric points it leaves no entry of its own in the
audit trail.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.backends.utils import CursorWrapper

from lifecycle.states import TraceStatus
from lifecycle.store import sql
from lifecycle.times import now_ms
from mlops.core.errors import Invalid, NotFound

_INSERT = """
    INSERT INTO lifecycle_trace (id, experiment_id, name, status, client_request_id,
        run_label, requested_ms, duration_ms, request_preview, response_preview,
        tags, metadata, is_reported, span_count, span_bytes, dropped_spans, stored_ms)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0, 0, 0, %s)
    ON CONFLICT DO NOTHING
"""
_HELD = """
    SELECT experiment_id, name, status, client_request_id, run_label, requested_ms,
        duration_ms, request_preview, response_preview, tags, metadata, is_reported
    FROM lifecycle_trace WHERE id = %s
"""
_UPDATE = """
    UPDATE lifecycle_trace SET name = %s, status = %s, client_request_id = %s,
        run_label = %s, requested_ms = %s, duration_ms = %s, request_preview = %s,
        response_preview = %s, tags = %s, metadata = %s, is_reported = %s
    WHERE id = %s
"""
_SET_TAGS = "UPDATE lifecycle_trace SET tags = %s WHERE id = %s"
_RENAME = "UPDATE lifecycle_trace SET name = %s WHERE id = %s"
_LINK = """
    INSERT INTO lifecycle_tracelink (trace_id, run_id) VALUES (%s, %s)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrace:
    """A trace as a client reports it, or as its spans show it (`is_reported` False)."""

    pk: str
    experiment: int
    status: TraceStatus
    requested_ms: int
    duration_ms: int | None = None
    name: str = ""
    client_request_id: str = ""
    run_label: str = ""
    request_preview: str = ""
    response_preview: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_reported: bool = True


@dataclass(frozen=True, slots=True)
class TraceEnd:
    """How a trace ended, when, and what more is said of it."""

    status: TraceStatus
    at_ms: int
    name: str = ""
    request_preview: str = ""
    response_preview: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


def report(cursor: CursorWrapper, told: NewTrace) -> None:
    """Store a trace; one that is there gets what is said now.

    Tags and metadata stay beside the new ones. Raises Invalid for a trace of another
    experiment.
    """
    if _insert(cursor, told):
        return
    held = lock(cursor, told.pk)
    if held.experiment != told.experiment:
        raise Invalid(
            f"The trace '{told.pk}' belongs to the experiment {held.experiment}.",
            field="trace_location",
        )
    _update(
        cursor,
        NewTrace(
            pk=told.pk,
            experiment=held.experiment,
            status=told.status,
            requested_ms=told.requested_ms,
            duration_ms=told.duration_ms,
            name=told.name or held.name,
            client_request_id=told.client_request_id or held.client_request_id,
            run_label=told.run_label or held.run_label,
            request_preview=told.request_preview or held.request_preview,
            response_preview=told.response_preview or held.response_preview,
            tags={**held.tags, **told.tags},
            metadata={**held.metadata, **told.metadata},
        ),
    )


def infer(cursor: CursorWrapper, seen: NewTrace) -> None:
    """Make or widen a trace by what its spans show, until its client reports it.

    Spans may name another experiment than their trace: a call goes through several
    programs. They stay with it.
    """
    if _insert(cursor, seen):
        return
    held = lock(cursor, seen.pk)
    if held.is_reported:
        return
    start = min(held.requested_ms, seen.requested_ms)
    is_known = seen.status != TraceStatus.IN_PROGRESS
    _update(
        cursor,
        NewTrace(
            pk=seen.pk,
            experiment=held.experiment,
            status=seen.status if is_known else held.status,
            requested_ms=start,
            duration_ms=max(_end(held), _end(seen)) - start,
            name=seen.name or held.name,
            run_label=seen.run_label or held.run_label,
            request_preview=seen.request_preview or held.request_preview,
            response_preview=seen.response_preview or held.response_preview,
            tags={**held.tags, **seen.tags},
            metadata={**held.metadata, **seen.metadata},
            is_reported=False,
        ),
    )


def end(cursor: CursorWrapper, pk: str, ended: TraceEnd) -> None:
    """Say how and when a trace ended. Raises NotFound."""
    held = lock(cursor, pk)
    _update(
        cursor,
        NewTrace(
            pk=pk,
            experiment=held.experiment,
            status=ended.status,
            requested_ms=held.requested_ms,
            duration_ms=ended.at_ms - held.requested_ms,
            name=ended.name or held.name,
            client_request_id=held.client_request_id,
            run_label=held.run_label,
            request_preview=ended.request_preview or held.request_preview,
            response_preview=ended.response_preview or held.response_preview,
            tags={**held.tags, **ended.tags},
            metadata={**held.metadata, **ended.metadata},
        ),
    )


def lock(cursor: CursorWrapper, pk: str) -> NewTrace:
    """Lock the trace until the commit. Raises NotFound."""
    cursor.execute(_HELD + sql.for_update(), (pk,))
    row = cursor.fetchone()
    if row is None:
        raise not_found(pk)
    return NewTrace(
        pk=pk,
        experiment=row[0],
        name=row[1],
        status=TraceStatus(row[2]),
        client_request_id=row[3],
        run_label=row[4],
        requested_ms=row[5],
        duration_ms=row[6],
        request_preview=row[7],
        response_preview=row[8],
        tags=sql.from_json(row[9]),
        metadata=sql.from_json(row[10]),
        is_reported=bool(row[11]),
    )


def not_found(pk: str) -> NotFound:
    return NotFound(f"Trace with ID '{pk}' not found.", field="trace_id")


def set_tag(cursor: CursorWrapper, pk: str, key: str, value: str) -> None:
    """Store a tag; a known key gets the new value. Raises NotFound."""
    tags = {**lock(cursor, pk).tags, key: value}
    cursor.execute(_SET_TAGS, (sql.as_json(tags), pk))


def drop_tag(cursor: CursorWrapper, pk: str, key: str) -> None:
    """Remove a tag. Raises NotFound where there is none, or no trace."""
    tags = dict(lock(cursor, pk).tags)
    if key not in tags:
        raise no_tag(pk, key)
    del tags[key]
    cursor.execute(_SET_TAGS, (sql.as_json(tags), pk))


def no_tag(pk: str, key: str) -> NotFound:
    return NotFound(
        f"No trace tag with key '{key}' for trace with ID '{pk}'", field="key"
    )


def rename(cursor: CursorWrapper, pk: str, name: str) -> None:
    """Give another name, "" for none. Raises NotFound."""
    cursor.execute(_RENAME, (name, pk))
    if not cursor.rowcount:
        raise not_found(pk)


def link(cursor: CursorWrapper, pks: Sequence[str], run: int) -> None:
    """Link traces to a run, also those that are not here yet; twice is once."""
    cursor.executemany(_LINK, [(pk, run) for pk in pks])


def _insert(cursor: CursorWrapper, new: NewTrace) -> bool:
    first = (new.pk, new.experiment, new.name, str(new.status))
    cursor.execute(
        _INSERT,
        (*first, *_told(new), new.is_reported, now_ms()),
    )
    return bool(cursor.rowcount)


def _update(cursor: CursorWrapper, new: NewTrace) -> None:
    values = (new.name, str(new.status), *_told(new), new.is_reported, new.pk)
    cursor.execute(_UPDATE, values)


def _told(new: NewTrace) -> tuple[str | int | None, ...]:
    return (
        new.client_request_id,
        new.run_label,
        new.requested_ms,
        new.duration_ms,
        new.request_preview,
        new.response_preview,
        sql.as_json(dict(new.tags)),
        sql.as_json(dict(new.metadata)),
    )


def _end(trace: NewTrace) -> int:
    return trace.requested_ms + (trace.duration_ms or 0)


def marks(values: Sequence[object]) -> str:
    return ",".join(["%s"] * len(values)) or "NULL"
