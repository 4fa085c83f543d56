"""Spans of web and gateway, as a collector of OpenTelemetry gets them."""

import json
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from mlops import otlp
from mlops.core import request_log
from mlops.otlp import SpanExporter, attributes_of, headers_of
from mlops.tracing import TraceSpan
from tests.deployments.gateway.process import GatewayProcess
from tests.deployments.targets.waiting import until

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, NOT_SAMPLED = (f"00-{TRACE}-{CALLER}-0{flag}" for flag in (1, 0))


class Collector:
    """What was posted to it: requests, and spans with their services."""

    def __init__(self):
        self.requests, self.spans = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self.path, dict(self.headers), json.loads(raw))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments):
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path, headers, body):
        self.requests.append((path, headers))
        for resource in body["resourceSpans"]:
            service = values(resource["resource"])["service.name"]
            for scope in resource["scopeSpans"]:
                self.spans += [(service, span) for span in scope["spans"]]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def values(holder):
    return {
        one["key"]: next(iter(one["value"].values())) for one in holder["attributes"]
    }


@pytest.fixture
def collector():
    made = Collector()
    yield made
    made.close()


@pytest.fixture
def traced(collector, settings):
    """Have this web process send its spans."""
    settings.OTLP_ENDPOINT = collector.url
    request_log.exporter.cache_clear()
    yield collector
    request_log.exporter.cache_clear()


def test_a_request_to_web_is_a_span_in_its_callers_trace(client, db, traced):
    headers = {"traceparent": SAMPLED, "x-request-id": "find-me"}

    client.get("/api/v1/users/me", headers=headers)

    until(lambda: traced.spans)
    ((service, span),) = traced.spans
    said = values(span)
    assert service == "mlops-web"
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, CALLER)
    assert (span["name"], span["kind"]) == ("GET api/v1/users/me", 2)
    assert said["mlops.request_id"] == "find-me"
    assert said["http.response.status_code"] == "401"
    assert int(span["startTimeUnixNano"]) < int(span["endTimeUnixNano"])


def test_without_a_caller_a_trace_begins(client, db, traced):
    client.get("/nothing")

    until(lambda: traced.spans)
    ((_, span),) = traced.spans
    assert len(span["traceId"]) == 32
    assert "parentSpanId" not in span


def test_what_its_caller_does_not_sample_is_not_sent(client, db, traced):
    client.get("/nothing", headers={"traceparent": NOT_SAMPLED})
    client.get("/nothing", headers={"traceparent": SAMPLED})

    until(lambda: traced.spans)
    assert len(traced.spans) == 1


def test_nothing_is_made_where_nobody_asks(client, db):
    client.get("/nothing")

    assert request_log.exporter() is None
    assert request_log.span_of("") is None


def test_the_gateway_sends_its_spans_with_the_headers_that_are_asked_for(collector):
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_HEADERS": "x-key=secret, x-more=1",
    }
    with tempfile.TemporaryDirectory(prefix="gw-") as folder:
        gateway = GatewayProcess(Path(folder), "--workers", "1", settings=settings)
        gateway.post("/serving/e/m", {}, headers={"traceparent": SAMPLED})
        until(lambda: collector.spans)
        gateway.close()

    ((service, span),) = collector.spans
    ((path, headers),) = collector.requests
    assert service == "mlops-gateway"
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, CALLER)
    assert span["name"] == "POST /serving/{environment}/{model}"
    assert path == "/v1/traces"
    assert (headers["x-key"], headers["x-more"]) == ("secret", "1")


def test_a_collector_that_is_away_costs_a_warning_and_bounded_memory(
    caplog, monkeypatch
):
    monkeypatch.setattr(otlp, "GATHER_S", 0.01)
    monkeypatch.setattr(otlp, "MOST_WAITING", 10)
    away = SpanExporter("http://127.0.0.1:9", "", "x", "1")
    began = time.monotonic()

    for _ in range(100):
        away.offer(TraceSpan.root(), "x", 0.1, {})

    assert time.monotonic() - began < 5
    until(lambda: "could not be sent" in caplog.text)
    assert away.dropped + 10 <= 100


def test_a_5xx_is_an_error_of_its_span():
    fields = {"method": "GET", "status": 503}

    broken = otlp._span(TraceSpan.root(), "x", 0.1, attributes_of(fields))
    fine = otlp._span(TraceSpan.root(), "x", 0.1, attributes_of({"status": 404}))

    assert broken["status"] == {"code": 2}
    assert "status" not in fine


@pytest.mark.parametrize(
    ("text", "headers"), [("", {}), ("a=b=c, d=e,f", {"a": "b=c", "d": "e"})]
)
def test_headers_are_pairs(text, headers):
    assert headers_of(text) == headers
