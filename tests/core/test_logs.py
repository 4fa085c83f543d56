"""Log lines: what a line says, of which request, and how refusals look."""

import io
import json
import logging
import sys

import pytest

from mlops import logs
from mlops.core import request_log
from mlops.core.models import ApiToken
from mlops.tracing import TraceSpan

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


def record(message="hello", *arguments, **extra):
    made = logging.LogRecord("a.b", logging.INFO, "f", 1, message, arguments, None)
    made.created = 1764504641.5
    made.__dict__.update(extra)
    return made


@pytest.fixture
def lines(settings):
    """Return what the process's own handler writes, as JSON."""
    written, handler = io.StringIO(), logging.root.handlers
    mine = logging.StreamHandler(written)
    mine.setFormatter(logs.JsonFormatter())
    mine.addFilter(request_log.ShortRefusals())
    logging.root.handlers = [*handler, mine]
    settings.ACCESS_LOG = True
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging.root.handlers = handler


def test_a_json_line_has_time_level_logger_and_message():
    line = json.loads(logs.JsonFormatter().format(record("%s things", 3)))

    assert line == {
        "time": "2025-11-30T12:10:41.500Z",
        "level": "INFO",
        "logger": "a.b",
        "message": "3 things",
    }


def test_a_line_has_the_request_that_is_being_answered():
    reset = logs.context.set({"request_id": "r-1", "trace_id": TRACE})
    try:
        shown = logs.TextFormatter().format(record())
        line = json.loads(logs.JsonFormatter().format(record(request_id="own")))
    finally:
        logs.context.reset(reset)

    assert shown == "2025-11-30T12:10:41.500Z INFO a.b: hello [r-1]"
    assert (line["request_id"], line["trace_id"]) == ("own", TRACE)


def test_a_message_from_outside_begins_no_line():
    forged = record("%s", "x\n2026-01-01T00:00:00.000Z ERROR forged\r")

    for kind in logs.FORMATS:
        assert "\n" not in logs.formatter(kind).format(forged)
    assert "\n" not in logs.ProcessTextFormatter().format(forged)


def test_what_no_json_knows_is_written_all_the_same():
    line = logs.JsonFormatter().format(record("\udcff %s", object, user="\udcff"))

    assert json.loads(line)["user"] == "\udcff"


def test_a_traceback_is_a_field_of_its_line():
    made = record()
    try:
        int("no")
    except ValueError:
        made.exc_info = sys.exc_info()

    line = json.loads(logs.JsonFormatter().format(made))

    assert line["exception"].endswith("'no'")


@pytest.mark.parametrize(
    "header",
    [
        *("", "x", TRACEPARENT.upper(), TRACEPARENT[:-1], f"{TRACEPARENT}-x"),
        f"ff-{TRACE}-{CALLER}-01",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"{TRACEPARENT}\n",
    ],
)
def test_a_malformed_traceparent_is_as_none(header):
    assert TraceSpan.below(header) is None


def test_a_span_stands_below_the_caller_and_above_who_is_called():
    span = TraceSpan.below(TRACEPARENT)

    below = TraceSpan.below(span.traceparent)
    assert (span.trace_id, span.parent_id) == (TRACE, CALLER)
    assert (below.trace_id, below.parent_id) == (TRACE, span.span_id)
    assert span.span_id not in (CALLER, below.span_id)


def test_a_later_version_of_traceparent_may_say_more():
    assert TraceSpan.below(f"01-{TRACE}-{CALLER}-01-more").trace_id == TRACE


def test_an_answer_has_one_access_line(client, person, lines):
    _, text = ApiToken.issue(person("viewer"), "t", scopes=["read"])

    client.get(
        "/api/v1/ml/lifecycle/models/no-such",
        headers={
            "authorization": f"Bearer {text}",
            "x-request-id": "find-me",
            "traceparent": TRACEPARENT,
        },
    )

    (line,) = [line for line in lines() if line["logger"] == "mlops.access"]
    assert (line["request_id"], line["trace_id"]) == ("find-me", TRACE)
    assert (line["method"], line["status"]) == ("GET", 404)
    assert "/models/<" in line["route"]
    assert "no-such" not in json.dumps(line)
    assert line["user"] == person("viewer").username
    assert line["duration_ms"] > 0


def test_the_fast_path_of_mlflow_names_caller_and_route(client, person, lines):
    _, text = ApiToken.issue(person("viewer"), "t", scopes=["read"])
    where = "/api/2.0/mlflow/runs/get"

    client.get(f"{where}?run_id=x", headers={"authorization": f"Bearer {text}"})

    (line,) = [line for line in lines() if line["logger"] == "mlops.access"]
    assert (line["route"], line["status"]) == (where, 404)
    assert line["user"] == person("viewer").username


def test_probes_have_no_access_line(client, db, lines):
    for path in ("/healthz", "/readyz", "/metrics"):
        client.get(path)

    assert [line for line in lines() if line["logger"] == "mlops.access"] == []


def test_without_the_setting_there_are_no_access_lines(client, db, lines, settings):
    settings.ACCESS_LOG = False

    client.get("/nothing")

    assert [line for line in lines() if line["logger"] == "mlops.access"] == []


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/api/v1/users/me", "evil.example", 400),
        ("/admin/core/auditentry/add/", "localhost", 403),
        ("/nothing", "localhost", 404),
    ],
)
def test_a_refusal_is_a_line_with_its_request_and_no_traceback(
    admin_client, lines, path, host, status
):
    answer = admin_client.get(path, headers={"host": host, "x-request-id": "find-me"})

    own = [line for line in lines() if line["logger"].startswith("django.")]
    assert answer.status_code == status
    assert len(own) == 1
    assert "exception" not in own[0]
    assert (own[0]["request_id"], own[0]["status"]) == ("find-me", status)


def test_a_crash_keeps_its_traceback(client, db, lines, monkeypatch):
    def broken(*_arguments):
        raise RuntimeError("broken")

    monkeypatch.setattr("mlops.core.metrics._registry", broken)
    client.raise_request_exception = False

    client.get("/metrics", headers={"x-request-id": "find-me"})

    (own,) = [line for line in lines() if line["logger"] == "django.request"]
    assert "RuntimeError: broken" in own["exception"]
    assert own["request_id"] == "find-me"
