"""One id leads from the client's answer through every log to the audit trail."""

import json

import pytest

from tests.deployments.targets.waiting import until

pytestmark = pytest.mark.slow

TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
JSON = {"Content-Type": "application/json"}
PROGRAMS = ("web", "gateway", "reconcile")


def lines_of(stack, program):
    """Return what a program has logged so far, each line parsed."""
    begin = f"{program:<9}│ "
    whole = stack.output.rpartition("\n")[0].splitlines()
    return [
        json.loads(line.removeprefix(begin)) for line in whole if line.startswith(begin)
    ]


def found(stack, program, request_id):
    lines = lines_of(stack, program)
    return [line for line in lines if line.get("request_id") == request_id]


def test_a_write_is_found_in_answer_log_and_audit_trail(stack):
    ids = {"X-Request-ID": "find-me-1", **TRACED, **JSON}
    path = "/api/v1/ml/lifecycle/experiments"
    body = '{"name": "traced", "description": "Found by its id."}'

    status, headers, text = stack.ask("POST", stack.port, path, body, **ids)

    assert status == 201, text
    assert headers["X-Request-ID"] == "find-me-1"
    until(lambda: found(stack, "web", "find-me-1"))
    (line,) = found(stack, "web", "find-me-1")
    assert (line["user"], line["status"], line["trace_id"]) == ("admin", 201, TRACE)
    trail = "/api/v1/audit?request_id=find-me-1"
    (entry,) = json.loads(stack.ask("GET", stack.port, trail)[2])
    assert entry["request_id"] == "find-me-1"


def test_a_failed_call_is_found_in_the_gateways_log_and_the_models(stack):
    ids = {"X-Request-ID": "find-me-2", **TRACED, **JSON}
    body = '{"inputs": [{"name": "no"}]}'

    answer = stack.ask("POST", stack.serving_port, stack.infer, body, **ids)

    status, headers, text = answer
    assert status == 400, text
    assert headers["X-Request-ID"] == "find-me-2"
    until(lambda: len(found(stack, "gateway", "find-me-2")) == 2)
    lines = found(stack, "gateway", "find-me-2")
    assert {line["trace_id"] for line in lines} == {TRACE}
    path = stack.folder / "run" / "logs" / f"{stack.deployment}.log"
    written = [json.loads(line) for line in path.read_text().splitlines()]
    (own,) = [line for line in written if line.get("request_id") == "find-me-2"]
    assert own["trace_id"] == TRACE
    assert own["span_id"] not in {line["span_id"] for line in lines}


def test_every_line_of_every_program_is_json_with_its_four_fields(stack):
    stack.ask("GET", stack.port, "/api/v1/audit")

    until(lambda: all(lines_of(stack, program) for program in PROGRAMS))

    for program in PROGRAMS:
        for line in lines_of(stack, program):
            assert {"time", "level", "logger", "message"} <= set(line), program
