"""Spans as they are kept: OpenTelemetry's JSON messages, packed together.

A span is the message `opentelemetry.proto.trace.v1.Span` as JSON with the field names
of its schema: ids in base64, times as whole nanoseconds, attributes as a list of keys
and typed values. https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

Span = dict[str, Any]

_LEVEL: Final = 6


def packed(spans: Iterable[Span]) -> bytes:
    """Return the spans in a compressed piece; `unpacked` returns them as they were."""
    return zlib.compress(encoded(list(spans)), _LEVEL)


def unpacked(piece: bytes | memoryview) -> list[Span]:
    spans: list[Span] = json.loads(zlib.decompress(piece))
    return spans


def joined(pieces: Sequence[bytes | memoryview]) -> tuple[bytes, int | None]:
    """Return the JSON list of all spans, and how many if it had to be made anew.

    A single piece is merged already and needs not be read.
    """
    if len(pieces) == 1:
        return zlib.decompress(pieces[0]), None
    spans = merged(*(unpacked(piece) for piece in pieces))
    return encoded(spans), len(spans)


def encoded(value: Any) -> bytes:
    """Return ASCII JSON, which also holds half a surrogate pair of a client's text."""
    return json.dumps(value, separators=(",", ":")).encode()


def merged(*pieces: Iterable[Span]) -> list[Span]:
    """Return each span once, the last one that came, unless it alone has not ended.

    Roots come first, then by their start.
    """
    found: dict[str, Span] = {}
    for piece in pieces:
        for span in piece:
            known = found.get(span["span_id"])
            if known is None or has_ended(span) or not has_ended(known):
                found[span["span_id"]] = span
    return sorted(found.values(), key=_place)


def has_ended(span: Span) -> bool:
    return bool(span.get("end_time_unix_nano"))


def is_root(span: Span) -> bool:
    return not span.get("parent_span_id")


def _place(span: Span) -> tuple[bool, int, str]:
    return not is_root(span), span.get("start_time_unix_nano", 0), span["span_id"]
