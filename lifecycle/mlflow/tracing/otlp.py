"""The body of an OTLP export: unpacked, decoded, and its spans by trace.

https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

import base64
import json
import zlib
from collections import defaultdict
from typing import Any, Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1 import trace_pb2

from lifecycle.mlflow.errors import InvalidValue
from lifecycle.mlflow.limits import MAX_SPANS_BODY_BYTES
from lifecycle.mlflow.tracing.values import attributes_of
from lifecycle.spans import Span

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_ID_FIELDS: Final = ("traceId", "spanId", "parentSpanId")
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_GZIP, _DEFLATE = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS
_KINDS: Final = {
    number: name for name, number in trace_pb2.Span.SpanKind.items() if number
}
_CODES: Final = {
    number: name for name, number in trace_pb2.Status.StatusCode.items() if number
}
_WINDOWS: Final = {"gzip": _GZIP, "deflate": _DEFLATE}


def unpack(raw: bytes, encoding: str) -> bytes:
    """Return the body without its compression, which may not hide more than the limit.

    Raises InvalidValue.
    """
    if encoding in {"", "identity"}:
        return raw
    if encoding not in _WINDOWS:
        raise InvalidValue(
            f"Invalid Content-Encoding: {encoding[:50]}. Expected: gzip or deflate"
        )
    unpacking = zlib.decompressobj(_WINDOWS[encoding])
    try:
        body = unpacking.decompress(raw, MAX_SPANS_BODY_BYTES)
    except zlib.error:
        raise InvalidValue(f"Failed to decompress {encoding} payload") from None
    if unpacking.unconsumed_tail:
        raise too_large()
    if not unpacking.eof:
        raise InvalidValue(f"The {encoding} payload ends too early.")
    return body


def too_large() -> InvalidValue:
    return InvalidValue(
        f"The spans of one request are limited to {MAX_SPANS_BODY_BYTES} bytes."
    )


def spans_of(body: bytes, media_type: str) -> dict[str, list[Span]]:
    """Return the spans of an export by the hexadecimal id of their trace.

    Raises InvalidValue for what is no export, holds no span or a span without ids.
    """
    request = _decoded(body, media_type)
    found: dict[str, list[Span]] = defaultdict(list)
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                found[span.trace_id.hex()].append(_span(span))
    if not found:
        raise InvalidValue("Invalid OpenTelemetry format - no spans found")
    return found


def answer(rejected: int, message: str) -> bytes:
    """Return the answer to an export; `rejected` spans were not kept, and why."""
    response = ExportTraceServiceResponse()
    if rejected:
        partly = ExportTracePartialSuccess(
            rejected_spans=rejected, error_message=message
        )
        response.partial_success.CopyFrom(partly)
    return bytes(response.SerializeToString())


def _decoded(body: bytes, media_type: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    try:
        if media_type == JSON:
            Parse(_with_binary_ids(body), request, ignore_unknown_fields=True)
        else:
            request.ParseFromString(body)
    except (
        *(DecodeError, ParseError, ValueError, TypeError),
        *(AttributeError, RecursionError),
    ):
        raise InvalidValue("Invalid OpenTelemetry format") from None
    return request


def _with_binary_ids(body: bytes) -> str:
    """OTLP writes ids as hexadecimal digits, where protobuf's JSON has base64."""
    export = json.loads(body)
    for resource in export.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                for one in (span, *span.get("links", [])):
                    _to_base64(one)
    return json.dumps(export)


def _to_base64(holder: dict[str, Any]) -> None:
    for name in _ID_FIELDS:
        if holder.get(name):
            holder[name] = base64.b64encode(bytes.fromhex(holder[name])).decode()


def _span(span: trace_pb2.Span) -> Span:
    if len(span.trace_id) != _TRACE_BYTES or len(span.span_id) != _SPAN_BYTES:
        raise InvalidValue("Cannot convert OpenTelemetry span: bad trace_id or span_id")
    if span.parent_span_id and len(span.parent_span_id) != _SPAN_BYTES:
        raise InvalidValue("Cannot convert OpenTelemetry span: bad parent_span_id")
    named = {
        "trace_id": _base64(span.trace_id),
        "span_id": _base64(span.span_id),
        "parent_span_id": _base64(span.parent_span_id),
        "trace_state": span.trace_state,
        "name": span.name,
        "kind": _KINDS.get(span.kind),
        "start_time_unix_nano": span.start_time_unix_nano,
        "end_time_unix_nano": span.end_time_unix_nano,
        **_parts(span),
    }
    return {key: value for key, value in named.items() if value}


def _parts(span: trace_pb2.Span) -> dict[str, Any]:
    return {
        "attributes": attributes_of(span.attributes),
        "dropped_attributes_count": span.dropped_attributes_count,
        "events": [_event(event) for event in span.events],
        "dropped_events_count": span.dropped_events_count,
        "links": [_link(link) for link in span.links],
        "dropped_links_count": span.dropped_links_count,
        "status": _status(span.status),
    }


def _event(event: trace_pb2.Span.Event) -> dict[str, Any]:
    named = {
        "time_unix_nano": event.time_unix_nano,
        "name": event.name,
        "attributes": attributes_of(event.attributes),
    }
    return {key: value for key, value in named.items() if value}


def _link(link: trace_pb2.Span.Link) -> dict[str, Any]:
    named = {
        "trace_id": _base64(link.trace_id),
        "span_id": _base64(link.span_id),
        "trace_state": link.trace_state,
        "attributes": attributes_of(link.attributes),
    }
    return {key: value for key, value in named.items() if value}


def _status(status: trace_pb2.Status) -> dict[str, Any]:
    named = {
        "message": status.message,
        "code": _CODES.get(status.code),
    }
    return {key: value for key, value in named.items() if value}


def _base64(identifier: bytes) -> str:
    return base64.b64encode(identifier).decode()
