"""The gateway's line for each answered request, where the settings ask for it."""

import logging
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from deployments.serving.gateway.answers import Client, Send
from deployments.serving.gateway.hot_requests import HotRequest
from deployments.serving.gateway.options import GatewayOptions
from deployments.serving.gateway.replies import Reply
from deployments.serving.gateway.request import (
    RequestRefused,
    RequestTarget,
    Wire,
    key_digests,
    target_of,
)
from deployments.serving.gateway.response_options import ResponseOptions
from mlops import __version__
from mlops.otlp import SpanExporter, attributes_of
from mlops.tracing import TraceSpan

logger = logging.getLogger("mlops.access")

WORDS = frozenset(
    {
        *("v2", "models", "versions", "infer", "ready", "health", "live", "stats"),
        *("repository", "index"),
    }
)
NAMED_BY = {"models": "{model}", "versions": "{version}"}
MOST_PARTS = 8
SHOWN_DIGITS = 12
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
OWN = PROBES | {"/"}
_STATUS = slice(len("HTTP/1.1 "), len("HTTP/1.1 200"))
BROKEN = 500


class AccessLine(NamedTuple):
    """What is known of a request before it is answered; `start` is `perf_counter`'s."""

    method: str
    target: RequestTarget | None
    route: str
    digests: tuple[str, ...]
    fields: Mapping[str, Any]
    start: float
    span: TraceSpan | None = None


class LoggedSend:
    """An ASGI `send` that knows the status of the answer that went through it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def line_of(scope: dict[str, Any], client: Client, start: float) -> AccessLine:
    """Return what a request's head says; no names of models are in its route."""
    path: bytes = scope["raw_path"]
    target = target_of(path) if path.startswith(b"/serving/") else None
    own = path.decode("latin-1")
    route = _template(target) if target else own if own in OWN else "unknown"
    try:
        digests = key_digests(scope["headers"])
    except RequestRefused:
        digests = ()
    method, fields = scope["method"], client.fields
    return AccessLine(method, target, route, digests, fields, start, client.span)


@lru_cache(maxsize=2048)
def _template(target: RequestTarget) -> str:
    parts, before = [], ""
    for word in target.rest.decode("latin-1").strip("/").split("/")[:MOST_PARTS]:
        parts.append(NAMED_BY.get(before) or (word if word in WORDS else "{other}"))
        before = word
    place = "_d/{deployment}" if target.deployment_id else "{environment}/{model}"
    rest = "/".join(parts) if target.rest.strip(b"/") else ""
    return f"/serving/{place}/{rest}".rstrip("/")


def _fields(line: AccessLine, status: int, took_s: float) -> dict[str, Any]:
    target = line.target
    return {
        **line.fields,
        "key": line.digests[0][:SHOWN_DIGITS] if line.digests else "",
        "method": line.method,
        "route": line.route,
        "status": status,
        "duration_ms": round(took_s * 1000, 3),
        "environment": target.environment if target else "",
        "model": target.model if target else "",
        "deployment": target.deployment_id if target else "",
    }


class AnswerLog:
    """Lines and spans of answered requests, as far as the options ask for them."""

    def __init__(self, options: GatewayOptions) -> None:
        self._writes = options.access_log
        self._exporter = None
        if options.otlp_endpoint:
            address, headers = options.otlp_endpoint, options.otlp_headers
            service = "mlops-gateway"
            self._exporter = SpanExporter(address, headers, service, __version__)
        self.is_on = self._writes or self._exporter is not None

    def span_of(self, asked: ResponseOptions) -> TraceSpan | None:
        """Return a span of this process, if there is a trace or spans are sent."""
        if self._exporter is None:
            return asked.span()
        return asked.span() or TraceSpan.root()

    def replying(
        self, reply: Reply, hot: HotRequest, request: Wire, start: float
    ) -> Reply:
        """Return a `reply` of the fast path that notes the answer too."""
        if not self.is_on:
            return reply

        def noted(wire: bytes) -> None:
            reply(wire)
            route = _template(hot.target)
            line = AccessLine(
                "POST",
                hot.target,
                route,
                hot.digests,
                request.fields,
                start,
                request.span,
            )
            self.note(line, int(wire[_STATUS]))

        return noted

    def note(self, line: AccessLine, status: int) -> None:
        """Write the line and send the span; of a probe only if it failed."""
        if line.route in PROBES and status < BROKEN:
            return
        took_s = time.perf_counter() - line.start
        fields, name = _fields(line, status, took_s), f"{line.method} {line.route}"
        if self._writes:
            logger.info("%s %d %.1f ms", name, status, took_s * 1000, extra=fields)
        if self._exporter is not None and line.span is not None:
            self._exporter.offer(line.span, name, took_s, attributes_of(fields))
