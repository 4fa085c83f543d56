"""Traces of clients of 3.x: reported, with their spans by OTLP, read and searched."""

import pytest

from lifecycle.models import Trace
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.traced import V3, get, search, search_answer, span, start

pytestmark = pytest.mark.django_db


def test_a_reported_trace_is_shown_as_it_was(mlflow, experiment):
    shown = start(mlflow, experiment, request_preview='{"x": 0}')

    again = mlflow.send("GET", f"{V3}/{traced.trace_id()}").body["trace"]["trace_info"]
    assert shown == again
    assert shown["request_time"] == traced.BEGAN
    assert shown["execution_duration"] == "0.046s"
    assert shown["state"] == "OK"
    assert shown["trace_metadata"]["md"] == "m0"
    assert shown["request_preview"] == '{"x": 0}'
    place = f"mlflow-artifacts:/{experiment}/traces/{traced.trace_id()}/artifacts"
    assert shown["tags"] == {
        "mlflow.traceName": "outer",
        "n": "0",
        "mlflow.artifactLocation": place,
    }


def test_reporting_it_again_keeps_what_was_there(mlflow, experiment):
    start(mlflow, experiment)

    shown = start(mlflow, experiment, tags={"new": "1"}, state="ERROR")

    assert shown["state"] == "ERROR"
    assert {"n", "new", "mlflow.traceName"} <= shown["tags"].keys()
    assert Trace.objects.count() == 1


def test_a_trace_stays_in_its_experiment(mlflow, experiment):
    start(mlflow, experiment)
    body = {"trace": {"trace_info": traced.info("0")}}

    answer = mlflow.send("POST", V3, body)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert f"belongs to the experiment {experiment}" in answer.message


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trace_id": "a/b"}, "trace_id"),
        ({"trace_id": "x" * 101}, "trace_id"),
        ({"trace_id": ""}, "trace_id"),
        ({"trace_location": {}}, "trace_location"),
        ({"trace_location": {"uc_schema": {}}}, "mlflow_experiment"),
        ({"request_time": "yesterday"}, "request_time"),
        ({"execution_duration": "1 h"}, "execution_duration"),
        ({"state": "FINE"}, "state"),
        ({"tags": ["a"]}, "tags"),
        ({"tags": {"a": 1}}, "tags"),
        ({"trace_metadata": {"k" * 251: ""}}, "trace_metadata"),
        ({"client_request_id": "x" * 501}, "client_request_id"),
    ],
)
def test_a_bad_report_names_its_field(mlflow, experiment, change, named):
    body = {"trace": {"trace_info": {**traced.info(experiment), **change}}}

    answer = mlflow.send("POST", V3, body)

    assert answer.status == 400
    assert named in answer.message
    assert not Trace.objects.exists()


@pytest.mark.parametrize("body", [{}, {"trace": {}}, {"trace": []}, {"trace": 1}])
def test_a_report_without_a_trace_is_refused(mlflow, body):
    assert mlflow.send("POST", V3, body).status == 400


def test_a_deleted_experiment_takes_no_traces(mlflow, experiment):
    mlflow.ok("experiments/delete", experiment_id=experiment)
    body = {"trace": {"trace_info": traced.info(experiment)}}

    reported = mlflow.send("POST", V3, body)
    exported = traced.send_spans(mlflow, experiment, span("outer"))

    assert [reported.status, exported.status] == [400, 400]


def test_spans_come_back_as_they_were_sent(mlflow, experiment):
    inner = span("inner", number=2, parent=1, k="값")
    sent = traced.send_spans(mlflow, experiment, inner, span("outer"))
    shown = start(mlflow, experiment)

    whole = get(mlflow).body["trace"]

    assert (sent.status, sent.raw) == (200, b"")
    assert shown["tags"]["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert [one["name"] for one in whole["spans"]] == ["outer", "inner"]
    found = whole["spans"][1]
    assert found["trace_id"] == "AAAAAAAAAAAAAAAAAAAAoQ=="
    assert found["parent_span_id"] == "AAAAAAAAAAE="
    assert found["start_time_unix_nano"] == (traced.BEGAN_MS + 2) * traced.NS
    assert found["attributes"] == [{"key": "k", "value": {"string_value": "값"}}]
    assert found["status"] == {"code": "STATUS_CODE_OK"}
    assert whole["trace_info"] == shown


def test_a_trace_that_only_spans_tell_of_is_made_from_them(mlflow, experiment):
    root = span("agent", mlflow__spanInputs="hello", session__id="s1")
    traced.send_spans(mlflow, experiment, span("tool", number=2, parent=1))
    going_on = Trace.objects.get()
    traced.send_spans(mlflow, experiment, root)

    shown = get(mlflow).body["trace"]["trace_info"]

    assert (going_on.status, going_on.name) == ("IN_PROGRESS", "")
    assert shown["state"] == "OK"
    assert shown["tags"]["mlflow.traceName"] == "agent"
    assert shown["request_preview"] == "hello"
    assert shown["trace_metadata"] == {"mlflow.trace.session": "s1"}
    assert shown["request_time"] == "2026-11-30T12:04:30.203Z"
    assert shown["execution_duration"] == "0.006s"


def test_tags_of_a_root_become_tags_of_its_trace(mlflow, experiment):
    tags = {"mlflow__traceTag__team": "a", "mlflow__traceTag__b?d": "x"}
    traced.send_spans(mlflow, experiment, span("agent", **tags))

    shown = get(mlflow).body["trace"]["trace_info"]

    assert shown["tags"]["team"] == "a"
    assert "b?d" not in shown["tags"]


def test_a_reported_trace_is_not_changed_by_its_spans(mlflow, experiment):
    told = start(mlflow, experiment)

    traced.send_spans(mlflow, experiment, span("else", mlflow__spanInputs="x"))

    shown = get(mlflow).body["trace"]["trace_info"]
    assert shown == {
        **told,
        "tags": {**told["tags"], "mlflow.trace.spansLocation": "TRACKING_STORE"},
    }


def test_a_trace_is_whole_when_all_spans_have_come(mlflow, experiment):
    stats = {"mlflow.trace.sizeStats": '{"num_spans": 2}'}
    start(mlflow, experiment, trace_metadata=stats)
    traced.send_spans(mlflow, experiment, span("outer"))

    partly = get(mlflow)
    allowed = get(mlflow, allow_partial="true")
    traced.send_spans(mlflow, experiment, span("inner", number=2, parent=1))

    assert (partly.status, partly.code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "not fully exported yet" in partly.message
    assert len(allowed.body["trace"]["spans"]) == 1
    assert len(get(mlflow).body["trace"]["spans"]) == 2


def test_a_batch_has_the_whole_traces_in_the_order_asked(mlflow, experiment):
    for one in ("a1", "b2", "c3"):
        start(mlflow, experiment, one)
    for one in ("a1", "b2"):
        traced.send_spans(mlflow, experiment, span("outer", trace=one))
    asked = [traced.trace_id(one) for one in ("c3", "b2", "f0", "a1")]

    whole = mlflow.send("GET", f"{V3}/batchGet", query={"trace_ids": asked})
    infos = mlflow.send("POST", f"{V3}/batchGetInfos", {"trace_ids": asked})

    ids = [one["trace_info"]["trace_id"] for one in whole.body["traces"]]
    assert ids == [asked[1], asked[3]]
    listed = [one["trace_id"] for one in infos.body["trace_infos"]]
    assert listed == [asked[0], asked[1], asked[3]]


def test_a_batch_names_traces_and_not_too_many(mlflow):
    none = mlflow.send("POST", f"{V3}/batchGetInfos", {})
    many = mlflow.send("POST", f"{V3}/batchGetInfos", {"trace_ids": ["a"] * 501})
    different = [f"t{number}" for number in range(501)]
    too_many = mlflow.send("POST", f"{V3}/batchGetInfos", {"trace_ids": different})

    assert [none.status, many.status, too_many.status] == [400, 200, 400]
    assert "trace_ids" in none.message
    assert "at most 500" in too_many.message


def test_a_trace_that_is_not_there_is_missing(mlflow):
    missing = mlflow.send("GET", f"{V3}/{traced.trace_id('ff')}")

    assert (missing.status, missing.code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert get(mlflow).code == "RESOURCE_DOES_NOT_EXIST"


@pytest.fixture
def three(mlflow, experiment, run_id):
    """Three traces, a second apart; a1 is the oldest, b2 failed inside the run."""
    start(mlflow, experiment, "a1", request_time="2026-11-30T12:00:00Z")
    start(
        mlflow,
        experiment,
        "b2",
        request_time="2026-11-30T12:00:01Z",
        state="ERROR",
        execution_duration="2s",
        tags={"mlflow.traceName": "chat", "n": "1", "1": "one"},
        trace_metadata={"mlflow.sourceRun": run_id, "md": "m1"},
        client_request_id="c-7",
    )
    start(
        mlflow,
        experiment,
        "c3",
        request_time="2026-11-30T12:00:02Z",
        execution_duration=None,
        tags={"a.b": "It's"},
        request_preview="Where is 서울?",
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "c3 b2 a1"),
        ("trace.status = 'ERROR'", "b2"),
        ("status != 'ERROR'", "c3 a1"),
        ("attributes.status IN ('OK', 'ERROR')", "c3 b2 a1"),
        ("timestamp_ms > 1796040000000", "c3 b2"),
        ("trace.timestamp = 1796040000000", "a1"),
        ("execution_time >= 2000", "b2"),
        ("trace.execution_time_ms < 46", "c3"),
        ("end_time = 1796040003000", "b2"),
        ("name = 'outer'", "a1"),
        ("trace.name LIKE 'c%'", "b2"),
        ("name != 'outer'", "b2"),
        ("tags.`mlflow.traceName` = 'chat'", "b2"),
        ("tag.n = '1'", "b2"),
        ("tags.n != '1'", "a1"),
        ("tags.n IS NULL", "c3"),
        ("tags.n IS NOT NULL", "b2 a1"),
        ("tags.`1` = 'one'", "b2"),
        ("tags.`a.b` LIKE 'It%'", "c3"),
        ("metadata.md = 'm1'", "b2"),
        ("request_metadata.md ILIKE 'M%'", "c3 b2 a1"),
        ("request_id = 'nothing'", ""),
        ("client_request_id = 'c-7'", "b2"),
        ("trace.text ILIKE '%where%'", "c3"),
        ("trace.text LIKE '%서울%'", "c3"),
        ("name = 'chat' OR tags.n = '0'", "b2 a1"),
    ],
)
def test_a_filter_finds_its_traces(mlflow, experiment, three, text, found):
    assert search(mlflow, experiment, text) == found.split()


def test_a_run_finds_the_traces_made_in_it(mlflow, experiment, run_id, three):
    assert search(mlflow, experiment, f"run_id = '{run_id}'") == ["b2"]
    metadata = f"metadata.`mlflow.sourceRun` = '{run_id}'"
    assert search(mlflow, experiment, metadata) == ["b2"]


@pytest.mark.parametrize(
    ("order_by", "found"),
    [
        (["timestamp_ms ASC"], "a1 b2 c3"),
        (["trace.execution_time DESC"], "b2 a1 c3"),
        (["attributes.name"], "c3 b2 a1"),
        (["status DESC", "timestamp DESC"], "c3 a1 b2"),
        (["request_id DESC"], "c3 b2 a1"),
        (["end_time"], "a1 c3 b2"),
    ],
)
def test_traces_come_in_the_order_asked(mlflow, experiment, three, order_by, found):
    assert search(mlflow, experiment, order_by=order_by) == found.split()


@pytest.mark.parametrize("order_by", [[], ["name ASC"], ["execution_time DESC"]])
def test_pages_show_each_trace_once(mlflow, experiment, three, order_by):
    seen, token = [], ""
    while True:
        asked = {"max_results": 1, "order_by": order_by, "page_token": token}
        answer = search_answer(mlflow, experiment, "", **asked).body
        seen += [one["trace_id"] for one in answer["traces"]]
        if not (token := answer.get("next_page_token", "")):
            break

    assert len(seen) == len(set(seen)) == 3


def test_a_token_is_good_for_its_own_search_only(mlflow, experiment, three):
    page = search_answer(mlflow, experiment, max_results=1).body
    asked = {"page_token": page["next_page_token"]}

    other = search_answer(mlflow, experiment, "tags.n = '1'", **asked)

    assert (other.status, other.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    "text",
    [
        "span.name = 'x'",
        "colour = 'red'",
        "timestamp = 'now'",
        "run_id != 'x'",
        "trace.text = 'x'",
        "tags.`a\"b` = 'x'",
        "name = ",
        "status LIKE",
    ],
)
def test_a_filter_that_says_nothing_known_is_refused(mlflow, experiment, text):
    answer = search_answer(mlflow, experiment, text)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_a_search_names_experiments(mlflow):
    nowhere = mlflow.send("POST", f"{V3}/search", {})
    schema = {"locations": [{"uc_schema": {"catalog_name": "c"}}]}
    elsewhere = mlflow.send("POST", f"{V3}/search", schema)

    assert "locations" in nowhere.message
    assert "mlflow_experiment" in elsewhere.message


def test_a_reader_reads_and_writes_nothing(mlflow_as, mlflow, experiment):
    start(mlflow, experiment)
    reader = mlflow_as("viewer")

    body = {"trace": {"trace_info": traced.info(experiment, "b2")}}
    refused = [
        reader.send("POST", V3, body),
        traced.send_spans(reader, experiment, span("outer")),
        reader.put(
            f"{experiment}/traces/{traced.trace_id()}/artifacts/traces.json", b""
        ),
    ]

    assert search(reader, experiment) == ["a1"]
    assert [answer.status for answer in refused] == [403, 403, 403]


def test_what_judges_is_not_spoken(mlflow):
    for route in (
        "datasets/create",
        "scorers/register",
        "traces/metrics",
        "traces/calculate-filter-correlation",
        "traces/link-prompts",
    ):
        answer = mlflow.send("POST", f"/api/3.0/mlflow/{route}", {})
        assert (answer.status, answer.code) == (404, "ENDPOINT_NOT_FOUND")
