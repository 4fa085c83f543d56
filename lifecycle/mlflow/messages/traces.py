"""Traces as the protocol shows them: of 3.x with times as text, of 2.x as numbers."""

from collections.abc import Iterable
from typing import Any, Final

import orjson
from django.db.models import QuerySet

from lifecycle.mlflow.messages.assessments import assessment_message
from lifecycle.mlflow.tracing.inferred import NAME_TAG
from lifecycle.mlflow.tracing.times import duration_text, moment_text
from lifecycle.models import Trace
from lifecycle.spans import Span, joined, merged, unpacked
from lifecycle.states import TraceStatus

Message = dict[str, Any]

SPANS_TAG: Final = "mlflow.trace.spansLocation"
RUN_KEY: Final = "mlflow.sourceRun"
DROPPED_KEY: Final = "mlops.spansOverTheLimit"
_STATS_KEY: Final = "mlflow.trace.sizeStats"
_IN_2: Final = {TraceStatus.UNSPECIFIED: "TRACE_STATUS_UNSPECIFIED"}


def with_assessments(traces: QuerySet[Trace]) -> QuerySet[Trace]:
    """Return the traces with what a message of each needs, in two queries."""
    return traces.prefetch_related("assessments")


def trace_info(trace: Trace) -> Message:
    """Return a TraceInfoV3; `mlops.spansOverTheLimit` counts the spans not kept."""
    info: Message = {
        "trace_id": trace.pk,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": str(trace.experiment_id)},
        },
        "request_time": moment_text(trace.requested_ms),
        "state": trace.status,
        "trace_metadata": metadata_of(trace),
        "tags": tags_of(trace),
    }
    if trace.duration_ms is not None:
        info["execution_duration"] = duration_text(trace.duration_ms)
    for name in ("client_request_id", "request_preview", "response_preview"):
        if value := getattr(trace, name):
            info[name] = value
    if assessments := [assessment_message(one) for one in trace.assessments.all()]:
        info["assessments"] = assessments
    return info


def trace_info_2(trace: Trace) -> Message:
    """Return a TraceInfo of 2.x."""
    return {
        "request_id": trace.pk,
        "experiment_id": str(trace.experiment_id),
        "timestamp_ms": trace.requested_ms,
        "execution_time_ms": trace.duration_ms or 0,
        "status": _IN_2.get(TraceStatus(trace.status), trace.status),
        "request_metadata": _pairs(metadata_of(trace)),
        "tags": _pairs(tags_of(trace)),
    }


def traces_answer(traces: Iterable[Trace]) -> bytes:
    """Return those of the traces that are complete, with their spans."""
    shown = [whole for trace in traces if (whole := _whole(trace, is_partial=False))]
    return b'{"traces":[' + b",".join(shown) + b"]}" if shown else b"{}"


def trace_answer(trace: Trace, *, is_partial: bool) -> bytes:
    """Return a trace with its spans; b"" if some have not come and all must."""
    whole = _whole(trace, is_partial=is_partial)
    return b'{"trace":' + whole + b"}" if whole else b""


def spans_of(trace: Trace) -> list[Span]:
    return merged(*(unpacked(piece) for piece in _pieces(trace)))


def metadata_of(trace: Trace) -> dict[str, str]:
    dropped = trace.dropped_spans
    return {**trace.metadata, **({DROPPED_KEY: str(dropped)} if dropped else {})}


def tags_of(trace: Trace) -> dict[str, str]:
    """Return the tags; the last two are columns here, and tags in the protocol."""
    return {
        **trace.tags,
        **({SPANS_TAG: "TRACKING_STORE"} if trace.span_count else {}),
        **({NAME_TAG: trace.name} if trace.name else {}),
    }


def _whole(trace: Trace, *, is_partial: bool) -> bytes:
    spans, count = joined(_pieces(trace))
    if not is_partial and not _is_complete(trace, count or trace.span_count):
        return b""
    info = orjson.dumps(trace_info(trace))
    return b'{"trace_info":' + info + b',"spans":' + spans + b"}"


def _pieces(trace: Trace) -> list[bytes]:
    ordered = sorted(trace.pieces.all(), key=lambda piece: piece.pk)
    return [bytes(piece.content) for piece in ordered]


def _is_complete(trace: Trace, spans: int) -> bool:
    """Whether all spans came that the client said there are, but for those refused."""
    if not spans:
        return False
    try:
        said = orjson.loads(trace.metadata.get(_STATS_KEY, "{}"))["num_spans"]
    except (ValueError, KeyError, TypeError):
        return True
    return bool(trace.dropped_spans) or not isinstance(said, int) or spans >= said


def _pairs(texts: dict[str, str]) -> list[Message]:
    return [{"key": key, "value": value} for key, value in texts.items()]
