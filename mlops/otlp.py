"""Spans to an OpenTelemetry collector: OTLP over HTTP, in JSON.

The standard library alone. Who is answered never waits for it: a thread sends what
has gathered, and what is too much is dropped and counted.
"""

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mlops.tracing import TraceSpan

logger = logging.getLogger(__name__)

PATH = "/v1/traces"
GATHER_S, PATIENCE_S = 1.0, 5.0
MOST_WAITING, MOST_SENT = 4096, 512
SERVER, FAILED = 2, 2
"""`SpanKind` and `Status.StatusCode` of opentelemetry-proto."""
BROKEN = 500
_REFUSED = 400


def headers_of(text: str) -> dict[str, str]:
    """Return what OTEL_EXPORTER_OTLP_HEADERS says: `name=value`, with commas."""
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


class SpanExporter:
    """Sends spans of one program. Its thread begins with the first one, after forks."""

    def __init__(self, endpoint: str, headers: str, service: str, version: str) -> None:
        self._address, self._headers = urlsplit(endpoint.rstrip("/") + PATH), headers
        resource = {"service.name": service, "service.version": version}
        self._resource = {"attributes": _attributes(resource)}
        self._waiting: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def offer(
        self,
        span: TraceSpan,
        name: str,
        took_s: float,
        attributes: Mapping[str, object],
    ) -> None:
        """Queue a span that ends now, unless its trace is not to be sampled."""
        if not span.is_sampled:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(_span(span, name, took_s, attributes))
        if self._thread is None:
            self._begin()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            time.sleep(GATHER_S)
            while self._waiting:
                count = min(len(self._waiting), MOST_SENT)
                self._send([self._waiting.popleft() for _ in range(count)])

    def _send(self, spans: list[dict[str, Any]]) -> None:
        # Imported where spans are sent: other processes do without it.
        from http import client  # noqa: PLC0415

        scope = {"scope": {"name": "mlops"}, "spans": spans}
        body = {"resourceSpans": [{"resource": self._resource, "scopeSpans": [scope]}]}
        secure = self._address.scheme == "https"
        made = client.HTTPSConnection if secure else client.HTTPConnection
        connection = made(self._address.netloc, timeout=PATIENCE_S)
        try:
            head = {"Content-Type": "application/json", **headers_of(self._headers)}
            connection.request("POST", self._address.path, json.dumps(body), head)
            status = connection.getresponse().status
            if status >= _REFUSED:
                logger.warning("The collector refused %d spans: %d", len(spans), status)
        except (OSError, client.HTTPException) as error:
            logger.warning("%d spans could not be sent: %s", len(spans), error)
        finally:
            connection.close()


def _span(
    span: TraceSpan, name: str, took_s: float, attributes: Mapping[str, object]
) -> dict[str, Any]:
    end = time.time_ns()
    made: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": name,
        "kind": SERVER,
        "startTimeUnixNano": str(end - int(took_s * 1e9)),
        "endTimeUnixNano": str(end),
        "attributes": _attributes(attributes),
    }
    if span.parent_id:
        made["parentSpanId"] = span.parent_id
    status = attributes.get("http.response.status_code")
    if isinstance(status, int) and status >= BROKEN:
        made["status"] = {"code": FAILED}
    return made


def _attributes(values: Mapping[str, object]) -> list[dict[str, Any]]:
    return [
        {
            "key": key,
            "value": {"intValue": str(value)}
            if isinstance(value, int)
            else {"stringValue": str(value)},
        }
        for key, value in values.items()
        if value not in (None, "")
    ]


def attributes_of(fields: Mapping[str, Any]) -> dict[str, object]:
    """Return a log line's fields under the names of the semantic conventions."""
    return {
        "http.request.method": fields.get("method"),
        "http.route": fields.get("route"),
        "http.response.status_code": fields.get("status"),
        "user.name": fields.get("user"),
        "mlops.request_id": fields.get("request_id"),
        "mlops.environment": fields.get("environment"),
        "mlops.model": fields.get("model"),
        "mlops.deployment": fields.get("deployment"),
    }
