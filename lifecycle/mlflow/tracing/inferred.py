"""What spans show of their trace, before a client reports it or where none does."""

import json
from typing import Any, Final

from lifecycle.mlflow.checks import key_fault
from lifecycle.mlflow.limits import MAX_KEY, MAX_TAG_VALUE, MAX_TRACE_NAME
from lifecycle.mlflow.tracing.files import INPUTS, OUTPUTS
from lifecycle.mlflow.tracing.values import find, to_python
from lifecycle.spans import Span, is_root
from lifecycle.states import TraceStatus
from lifecycle.store.traces import NewTrace

NAME_TAG: Final = "mlflow.traceName"
LOCATION_TAG: Final = "mlflow.artifactLocation"
_TAG_PREFIX: Final = "mlflow.traceTag."
_PREVIEW: Final = 1000
_NS_IN_MS: Final = 1_000_000
_METADATA_OF_ATTRIBUTE: Final = {
    "session.id": "mlflow.trace.session",
    "user.id": "mlflow.trace.user",
}


def trace_of(pk: str, experiment: int, spans: list[Span], *, place: str) -> NewTrace:
    """Return the trace as its spans show it; without a root it is still going on."""
    roots = [span for span in spans if is_root(span)]
    start = min(span.get("start_time_unix_nano", 0) for span in spans) // _NS_IN_MS
    end = max(span.get("end_time_unix_nano", 0) for span in spans) // _NS_IN_MS
    attributes = roots[0].get("attributes", []) if roots else []
    tags = _tags(attributes)
    name = tags.pop(NAME_TAG, "") or (roots[0].get("name", "") if roots else "")
    return NewTrace(
        pk=pk,
        experiment=experiment,
        status=_status(roots),
        requested_ms=start,
        duration_ms=max(end - start, 0),
        name=_storable(name)[:MAX_TRACE_NAME],
        request_preview=_preview(find(attributes, INPUTS)),
        response_preview=_preview(find(attributes, OUTPUTS)),
        tags={**tags, LOCATION_TAG: place},
        metadata=_metadata(spans),
        is_reported=False,
    )


def _status(roots: list[Span]) -> TraceStatus:
    if not roots:
        return TraceStatus.IN_PROGRESS
    is_error = roots[0].get("status", {}).get("code") == "STATUS_CODE_ERROR"
    return TraceStatus.ERROR if is_error else TraceStatus.OK


def _tags(attributes: list[dict[str, Any]]) -> dict[str, str]:
    """Return the tags that a root carries; those with a bad key stay in the span."""
    found = {}
    for pair in attributes:
        key = pair["key"].removeprefix(_TAG_PREFIX)
        if key == pair["key"] or key_fault(key) or len(key) > MAX_KEY:
            continue
        found[key] = _storable(_text(to_python(pair["value"])))[:MAX_TAG_VALUE]
    return found


def _metadata(spans: list[Span]) -> dict[str, str]:
    found: dict[str, str] = {}
    for span in spans:
        for pair in span.get("attributes", []):
            name = _METADATA_OF_ATTRIBUTE.get(pair["key"])
            if name and name not in found:
                text = _text(to_python(pair["value"]))
                found[name] = _storable(text)[:MAX_TAG_VALUE]
    return found


def _preview(value: Any) -> str:
    if value is None:
        return ""
    return _storable(_text(value))[:_PREVIEW]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _storable(text: str) -> str:
    """Return the text without what no database column holds."""
    return text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
