"""Traces of clients of 2.x: begun, ended, with their file of spans."""

import json

import pytest

from lifecycle.models import Trace
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.test_spans import OF_2

pytestmark = pytest.mark.django_db
AGENT = {"User-Agent": "mlflow-python-client/2.22.5"}


def pairs(**values):
    return [{"key": key, "value": value} for key, value in values.items()]


def begin(mlflow, experiment, **more):
    body = {
        "experiment_id": experiment,
        "timestamp_ms": traced.BEGAN_MS,
        "request_metadata": pairs(**{"mlflow.trace_schema.version": "2"}),
        "tags": pairs(**{"mlflow.traceName": "outer", "n": "0"}),
        **more,
    }
    return mlflow.ok("traces", **body)["trace_info"]


def end(mlflow, trace, **more):
    body = {
        "timestamp_ms": traced.BEGAN_MS + 56,
        "status": "OK",
        "request_metadata": pairs(
            **{"mlflow.traceInputs": '{"q": 1}', "mlflow.traceOutputs": "2"}
        ),
        "tags": pairs(n="1"),
        **more,
    }
    return mlflow.patch(f"traces/{trace['request_id']}", **body)


def search(mlflow, experiment, **query):
    query = {"experiment_ids": experiment, **query}
    found = mlflow.get("traces", **query)
    assert found.status == 200, found.body
    return found.body


def test_a_trace_is_begun_and_ended(mlflow, experiment):
    begun = begin(mlflow, experiment)
    ended = end(mlflow, begun).body["trace_info"]

    shown = mlflow.get(f"traces/{begun['request_id']}/info").body["trace_info"]
    place = f"mlflow-artifacts:/{experiment}/traces/{begun['request_id']}/artifacts"
    assert (begun["status"], begun["execution_time_ms"]) == ("IN_PROGRESS", 0)
    assert len(begun["request_id"]) == 32
    assert ended == shown
    assert shown == {
        "request_id": begun["request_id"],
        "experiment_id": experiment,
        "timestamp_ms": traced.BEGAN_MS,
        "execution_time_ms": 56,
        "status": "OK",
        "request_metadata": shown["request_metadata"],
        "tags": shown["tags"],
    }
    assert sorted(pair["key"] for pair in shown["request_metadata"]) == [
        "mlflow.traceInputs",
        "mlflow.traceOutputs",
        "mlflow.trace_schema.version",
    ]
    assert {pair["key"]: pair["value"] for pair in shown["tags"]} == {
        "mlflow.artifactLocation": place,
        "mlflow.traceName": "outer",
        "n": "1",
    }


def test_a_newer_client_sees_it_too(mlflow, experiment):
    trace = begin(mlflow, experiment)
    path = f"{experiment}/traces/{trace['request_id']}/artifacts/traces.json"
    mlflow.put(path, json.dumps({"spans": [OF_2]}).encode(), **AGENT)
    end(mlflow, trace)

    query = {"trace_id": trace["request_id"]}
    whole = mlflow.send("GET", f"{traced.V3}/get", query=query).body["trace"]

    assert whole["trace_info"]["request_preview"] == '{"q": 1}'
    assert whole["trace_info"]["execution_duration"] == "0.056s"
    assert whole["spans"][0]["name"] == "outer"


def test_a_trace_of_a_newer_client_is_seen_by_an_old_one(mlflow, experiment):
    traced.send_spans(mlflow, experiment, traced.span("outer", k="v"))
    traced.start(mlflow, experiment)
    path = f"{experiment}/traces/{traced.trace_id()}/artifacts/traces.json"

    (found,) = search(mlflow, experiment)["traces"]
    (span,) = json.loads(mlflow.file("GET", path, **AGENT).raw)["spans"]

    assert (found["timestamp_ms"], found["execution_time_ms"]) == (traced.BEGAN_MS, 46)
    assert span["context"]["span_id"] == "0000000000000001"
    assert span["attributes"]["k"] == '"v"'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [3, 2, 1]),
        ("trace.status = 'OK'", [2]),
        ("status IN ('IN_PROGRESS')", [3, 1]),
        ("attributes.timestamp_ms > 1", [3, 2]),
        ("tags.n = '1'", [2]),
        ("request_metadata.`mlflow.sourceRun` = 'r7'", [3]),
        ("run_id = 'r7'", [3]),
    ],
)
def test_a_filter_of_2_finds_its_traces(mlflow, experiment, text, found):
    begin(mlflow, experiment, timestamp_ms=1)
    end(mlflow, begin(mlflow, experiment, timestamp_ms=2))
    run = pairs(**{"mlflow.sourceRun": "r7"})
    begin(mlflow, experiment, timestamp_ms=3, request_metadata=run)

    answer = search(mlflow, experiment, filter=text)

    assert [one["timestamp_ms"] for one in answer["traces"]] == found


def test_pages_of_2_have_tokens_and_an_order(mlflow, experiment):
    for at_ms in (1, 2, 3):
        begin(mlflow, experiment, timestamp_ms=at_ms)
    asked = {"max_results": 2, "order_by": "timestamp ASC"}

    first = search(mlflow, experiment, **asked)
    token = {"page_token": first["next_page_token"]}
    second = search(mlflow, experiment, **asked, **token)

    found = [one["timestamp_ms"] for one in first["traces"] + second["traces"]]
    assert found == [1, 2, 3]
    assert "next_page_token" not in second


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"tags": [{"key": "a", "value": 1}]}, "value"),
        ({"tags": {"a": "b"}}, "tags"),
        ({"request_metadata": [{"value": "x"}]}, "key"),
        ({"timestamp_ms": "soon"}, "timestamp_ms"),
        ({"status": "FINE"}, "FINE"),
    ],
)
def test_a_bad_end_names_its_field(mlflow, experiment, change, named):
    trace = begin(mlflow, experiment)

    answer = end(mlflow, trace, **change)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert named in answer.message
    assert Trace.objects.get().status == "IN_PROGRESS"


def test_what_is_not_there_is_missing(mlflow, experiment):
    answers = [
        mlflow.get("traces/none/info"),
        end(mlflow, {"request_id": "none"}),
        mlflow.post("traces", experiment_id="999"),
    ]

    assert {answer.code for answer in answers} == {"RESOURCE_DOES_NOT_EXIST"}
    assert "experiment_ids" in mlflow.get("traces").message
