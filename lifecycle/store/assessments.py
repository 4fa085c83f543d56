"""Assessments of traces: made, changed, overridden, deleted.

Like the traces they judge they leave no entry of their own in the audit trail; each
says who or what made it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from django.db.backends.utils import CursorWrapper

from lifecycle.states import AssessmentKind
from lifecycle.store import sql
from lifecycle.store.traces import lock as lock_trace
from mlops.core.errors import Invalid, NotFound

MOST: Final = 1000
"""How many a trace has at most."""

_INSERT = """
    INSERT INTO lifecycle_assessment (id, trace_id, name, kind, content, source_type,
        source_id, span_id, rationale, metadata, overrides, is_valid, created_ms,
        updated_ms)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT DO NOTHING
"""
_ALL = "SELECT id FROM lifecycle_assessment WHERE trace_id = %s"
_HELD = """
    SELECT name, kind, content, source_type, source_id, span_id, rationale, metadata,
        overrides, is_valid, created_ms, updated_ms
    FROM lifecycle_assessment WHERE id = %s AND trace_id = %s
"""
_UPDATE = """
    UPDATE lifecycle_assessment SET name = %s, content = %s, rationale = %s,
        metadata = %s, is_valid = %s, updated_ms = %s
    WHERE id = %s
"""
_SET_VALID = """
    UPDATE lifecycle_assessment SET is_valid = %s WHERE trace_id = %s AND id = %s
"""
_DELETE = "DELETE FROM lifecycle_assessment WHERE id = %s"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAssessment:
    """What is said of a trace; `content` is the protocol's message of the kind."""

    pk: str
    trace: str
    name: str
    kind: AssessmentKind
    content: Mapping[str, Any]
    source_type: str
    created_ms: int
    updated_ms: int
    source_id: str = ""
    span_id: str = ""
    rationale: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    overrides: str = ""
    is_valid: bool = True


def create(cursor: CursorWrapper, new: NewAssessment) -> None:
    """Store an assessment; the one that it overrides is no longer valid.

    Again with the same id is no other one. Raises NotFound for the trace or the
    overridden one, Invalid where the trace has too many.
    """
    lock_trace(cursor, new.trace)
    cursor.execute(_ALL, (new.trace,))
    if len(cursor.fetchall()) >= MOST:
        raise Invalid(f"A trace has at most {MOST} assessments.", field="trace_id")
    if new.overrides:
        cursor.execute(_SET_VALID, (False, new.trace, new.overrides))
        if not cursor.rowcount:
            raise not_found(new.trace, new.overrides)
    cursor.execute(_INSERT, (new.pk, new.trace, *_values(new)))


def change(
    cursor: CursorWrapper,
    trace: str,
    pk: str,
    changes: Mapping[str, Any],
    *,
    at_ms: int,
) -> None:
    """Replace name, content, rationale or `is_valid`; metadata stays beside the new.

    Raises NotFound.
    """
    held = lock(cursor, trace, pk)
    metadata = {**held.metadata, **changes.get("metadata", {})}
    new = replace(held, **{**changes, "metadata": metadata})
    cursor.execute(
        _UPDATE,
        (
            new.name,
            sql.as_json(dict(new.content)),
            new.rationale,
            sql.as_json(dict(new.metadata)),
            new.is_valid,
            at_ms,
            pk,
        ),
    )


def delete(cursor: CursorWrapper, trace: str, pk: str) -> None:
    """Remove an assessment, twice is once; what it overrode is valid again.

    Raises NotFound for the trace.
    """
    lock_trace(cursor, trace)
    try:
        held = lock(cursor, trace, pk)
    except NotFound:
        return
    cursor.execute(_SET_VALID, (True, trace, held.overrides))
    cursor.execute(_DELETE, (pk,))


def lock(cursor: CursorWrapper, trace: str, pk: str) -> NewAssessment:
    """Lock an assessment until the commit. Raises NotFound."""
    cursor.execute(_HELD + sql.for_update(), (pk, trace))
    row = cursor.fetchone()
    if row is None:
        raise not_found(trace, pk)
    return NewAssessment(
        pk=pk,
        trace=trace,
        name=row[0],
        kind=AssessmentKind(row[1]),
        content=sql.from_json(row[2]),
        source_type=row[3],
        source_id=row[4],
        span_id=row[5],
        rationale=row[6],
        metadata=sql.from_json(row[7]),
        overrides=row[8],
        is_valid=bool(row[9]),
        created_ms=row[10],
        updated_ms=row[11],
    )


def not_found(trace: str, pk: str) -> NotFound:
    return NotFound(
        f"Assessment with ID '{pk}' not found for trace '{trace}'",
        field="assessment_id",
    )


def _values(new: NewAssessment) -> tuple[str | int | bool, ...]:
    return (
        new.name,
        str(new.kind),
        sql.as_json(dict(new.content)),
        new.source_type,
        new.source_id,
        new.span_id,
        new.rationale,
        sql.as_json(dict(new.metadata)),
        new.overrides,
        new.is_valid,
        new.created_ms,
        new.updated_ms,
    )
