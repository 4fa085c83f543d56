"""Response options from a request's head: id, CORS origin, content coding."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate

from deployments.serving.gateway.coding import IDENTITY, accepted
from deployments.serving.http1.failures import REQUEST_ID, TRACEPARENT
from mlops.tracing import TraceSpan

Headers = list[tuple[bytes, bytes]]

_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
EXPOSED = (
    b"Content-Encoding, Inference-Header-Content-Length, Retry-After, "
    b"X-Deployment-Id, X-Model-Version, X-Request-ID"
)
METHODS = b"GET, HEAD, POST, OPTIONS"
TAKEN = (
    b"accept, authorization, content-encoding, content-type, "
    b"inference-header-content-length, traceparent, x-request-id"
)
PREFLIGHT_S = 600


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """`request_id` is empty where one has to be made, `origin` where none is allowed.

    `coding` is how a long answer may be coded, `traceparent` the header as it came.
    """

    request_id: bytes = b""
    origin: bytes = b""
    coding: bytes = IDENTITY
    traceparent: str = ""

    def span(self) -> TraceSpan | None:
        """Return a new span of this process in the request's trace, if it has one."""
        return TraceSpan.below(self.traceparent) if self.traceparent else None

    def headers(self) -> Headers:
        """Return the CORS headers of an answer to a page of another origin."""
        if not self.origin:
            return []
        return [
            (b"access-control-allow-origin", self.origin),
            (b"access-control-expose-headers", EXPOSED),
            (b"vary", b"Origin"),
        ]

    def preflight(self) -> Headers:
        """Return the headers of an answer to a CORS preflight."""
        if not self.origin:
            return []
        return [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", TAKEN),
            (b"access-control-max-age", b"%d" % PREFLIGHT_S),
        ]


def response_options_of(
    headers: Sequence[tuple[bytes, bytes]], origins: frozenset[bytes]
) -> ResponseOptions:
    """Read a head. An id that is not sane is as none; of two origins none is."""
    ids = [value for name, value in headers if name == REQUEST_ID]
    from_ = [value for name, value in headers if name == b"origin"]
    is_sane = len(ids) == 1 and _ID.fullmatch(ids[0])
    is_allowed = len(from_) == 1 and from_[0] in origins
    return ResponseOptions(
        ids[0] if is_sane else b"",
        from_[0] if is_allowed else b"",
        accepted(headers),
        _traceparent(headers),
    )


def _traceparent(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the one header of that name; of two none counts (W3C Trace Context)."""
    sent = [value for name, value in headers if name == TRACEPARENT]
    return sent[0].decode("latin-1") if len(sent) == 1 else ""


class Clock:
    """Writes the `Date` of answers, once a second."""

    def __init__(self) -> None:
        self._second, self._value = 0, b""

    def value(self) -> bytes:
        if (second := int(time.time())) != self._second:
            self._second = second
            self._value = formatdate(second, usegmt=True).encode()
        return self._value


DATE = Clock()


def answer_lines(options: ResponseOptions, request_id: bytes) -> bytes:
    """Return the header lines of every answer, and those that its request needs."""
    lines = b"date: %b\r\nx-request-id: %b\r\n" % (DATE.value(), request_id)
    if not options.origin:
        return lines
    return lines + b"".join(b"%b: %b\r\n" % pair for pair in options.headers())
