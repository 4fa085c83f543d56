"""Spans: by OTLP in its forms, in the file of older clients, and up to the limit."""

import gzip
import json
import math
import zlib

import pytest
from django.test import override_settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from lifecycle.mlflow.limits import MAX_SPANS_BODY_BYTES
from lifecycle.models import Trace, TraceLink, TraceSpans
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.traced import get, send_export, send_spans, span, start

pytestmark = pytest.mark.django_db

OF_2 = {
    "name": "outer",
    "context": {"span_id": "d3acf40e4eec6d2b", "trace_id": "0x" + "c7" * 16},
    "parent_id": None,
    "start_time": 1796040377572786362,
    "end_time": 1796040377573727200,
    "status_code": "ERROR",
    "status_message": "boom",
    "attributes": {
        "mlflow.traceRequestId": f'"{traced.trace_id()}"',
        "mlflow.spanInputs": '{"x": 7, "text": "값"}',
        "mlflow.spanOutputs": "[1, 2.5, true, null]",
    },
    "events": [
        {
            "name": "exception",
            "timestamp": 1796040377573000000,
            "attributes": {"exception.message": "boom"},
        }
    ],
}


def file_of(mlflow, experiment, method="GET", content=b"", **headers):
    path = f"{experiment}/traces/{traced.trace_id()}/artifacts/traces.json"
    return mlflow.file(method, path, content, **headers)


def attributes(answer, number=0):
    found = answer.body["trace"]["spans"][number]["attributes"]
    return {pair["key"]: pair["value"] for pair in found}


@pytest.mark.parametrize("encoding", ["", "identity", "gzip", "deflate"])
def test_an_export_may_be_packed(mlflow, experiment, encoding):
    body = traced.export(span("outer"))
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, bytes)
    headers = {"Content-Encoding": encoding} if encoding else {}

    answer = send_export(mlflow, experiment, packed(body), gzip=False, **headers)

    assert (answer.status, answer.raw) == (200, b"")
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    assert len(get(mlflow).body["trace"]["spans"]) == 1


def test_an_export_may_be_json(mlflow, experiment):
    one = {
        "traceId": "a1".rjust(32, "0"),
        "spanId": "00000000000000ff",
        "name": "outer",
        "kind": 2,
        "startTimeUnixNano": "1796040270202151443",
        "endTimeUnixNano": "1796040270203151443",
        "attributes": [{"key": "n", "value": {"intValue": "7"}}],
        "links": [{"traceId": "ab" * 16, "spanId": "cd" * 8}],
    }
    export = {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}

    answer = send_export(
        mlflow, experiment, json.dumps(export).encode(), content_type="application/json"
    )

    assert answer.status == 200
    found = get(mlflow).body["trace"]["spans"][0]
    assert found["span_id"] == "AAAAAAAAAP8="
    assert found["kind"] == "SPAN_KIND_SERVER"
    assert found["start_time_unix_nano"] == 1796040270202151443
    assert found["attributes"] == [{"key": "n", "value": {"int_value": 7}}]
    assert found["links"][0]["span_id"] == "zc3Nzc3Nzc0="


def test_every_kind_of_value_is_kept(mlflow, experiment):
    request = ExportTraceServiceRequest.FromString(traced.export(span("outer")))
    made = request.resource_spans[0].scope_spans[0].spans[0]
    values = {
        "whole": {"int_value": -(2**63)},
        "number": {"double_value": 0.1},
        "nan": {"double_value": math.nan},
        "infinite": {"double_value": -math.inf},
        "yes": {"bool_value": False},
        "text": {"string_value": "a\x00b"},
        "bytes": {"bytes_value": b"\xff"},
        "list": {"array_value": {"values": [{"int_value": 1}, {}]}},
        "map": {"kvlist_value": {"values": [{"key": "k", "value": {}}]}},
    }
    for key, value in values.items():
        made.attributes.add(key=key, value=value)
    send_export(mlflow, experiment, request.SerializeToString())

    found = attributes(get(mlflow))

    assert found.pop("nan") == {"double_value": "NaN"}
    assert found.pop("infinite") == {"double_value": "-Infinity"}
    assert found.pop("bytes") == {"bytes_value": "/w=="}
    assert found == {key: value for key, value in values.items() if key in found}


def bomb():
    return gzip.compress(b"\x00" * (MAX_SPANS_BODY_BYTES + 1))


def deep():
    value = {"stringValue": "x"}
    for _ in range(70):
        value = {"arrayValue": {"values": [value]}}
    one = {"traceId": "ab" * 16, "spanId": "cd" * 8}
    one["attributes"] = [{"key": "k", "value": value}]
    spans = {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}
    return gzip.compress(json.dumps(spans).encode())


JSON = {"content_type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (gzip.compress(b""), {"Content-Encoding": "gzip"}, "no spans found"),
        (b"\xff" * 10, {}, "Invalid OpenTelemetry format"),
        (b"[1]", JSON, "Invalid OpenTelemetry format"),
        (b"{", JSON, "Invalid OpenTelemetry format"),
        (b'{"resourceSpans": 1}', JSON, "Invalid OpenTelemetry format"),
        (traced.export(span("x", trace="00"))[:-3], {}, "Invalid OpenTelemetry"),
        (b"x" * 20, {"Content-Encoding": "gzip"}, "Failed to decompress gzip"),
        (gzip.compress(b"")[:-1], {"Content-Encoding": "gzip"}, "too early"),
        (b"x", {"Content-Encoding": "br"}, "Content-Encoding"),
        (bomb(), {"Content-Encoding": "gzip"}, "limited to 16777216 bytes"),
        (deep(), {"Content-Encoding": "gzip", **JSON}, "Invalid OpenTelemetry format"),
        (b"x", {"content_type": "text/plain"}, "Content-Type"),
        (b"x", {"X-MLflow-Experiment-Id": ""}, "X-MLflow-Experiment-Id"),
        (b"x", {"X-MLflow-Experiment-Id": "one"}, "one"),
    ],
    ids=(
        *(
            "nothing",
            "no protobuf",
            "a list",
            "half JSON",
            "no list",
            "cut",
            "unpacked",
        ),
        *("half packed", "another packing", "bomb", "deep", "text"),
        *("no experiment", "no number"),
    ),
)
def test_what_is_no_export_is_refused(mlflow, experiment, body, headers, said):
    answer = send_export(mlflow, experiment, body, gzip=False, **headers)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert said in answer.message
    assert not Trace.objects.exists()


@pytest.mark.parametrize("change", [{"trace_id": b""}, {"span_id": b"\x01" * 9}])
def test_a_span_needs_its_ids(mlflow, experiment, change):
    request = ExportTraceServiceRequest.FromString(traced.export(span("outer")))
    made = request.resource_spans[0].scope_spans[0].spans[0]
    for name, value in change.items():
        setattr(made, name, value)

    answer = send_export(mlflow, experiment, request.SerializeToString())

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_a_span_that_comes_again_is_the_same_span(mlflow, experiment):
    for _ in range(3):
        send_spans(mlflow, experiment, span("outer", k="x"), span("in", number=2))

    trace = Trace.objects.get()
    assert (trace.span_count, TraceSpans.objects.count()) == (2, 1)
    assert len(get(mlflow).body["trace"]["spans"]) == 2


def test_a_large_trace_gets_a_piece_more_and_is_shown_once(mlflow, experiment):
    text = "x" * 300_000
    send_spans(mlflow, experiment, span("outer", k=text))
    send_spans(mlflow, experiment, span("a", number=2, parent=1))
    send_spans(mlflow, experiment, span("a", number=2, parent=1), span("b", number=3))

    assert TraceSpans.objects.count() == 3
    names = [one["name"] for one in get(mlflow).body["trace"]["spans"]]
    assert names == ["outer", "b", "a"]


@override_settings(TRACE_MAX_BYTES=2000)
def test_spans_over_the_limit_are_counted_and_named(mlflow, experiment):
    big = [span("big", number=n, parent=1, k="x" * 900) for n in (2, 3, 4)]

    sent = send_spans(mlflow, experiment, *big, span("outer"))

    assert sent.status == 200
    assert traced.rejected(sent) == 2
    assert b"MLOPS_TRACE_MAX_BYTES" in sent.raw
    stats = {"mlflow.trace.sizeStats": '{"num_spans": 4}'}
    shown = start(mlflow, experiment, trace_metadata=stats)
    assert shown["trace_metadata"]["mlops.spansOverTheLimit"] == "2"
    assert [one["name"] for one in get(mlflow).body["trace"]["spans"]] == [
        "outer",
        "big",
    ]


@override_settings(TRACE_MAX_BYTES=400_000)
def test_a_large_trace_ends_at_the_limit_too(mlflow, experiment):
    send_spans(mlflow, experiment, span("outer", k="x" * 300_000))

    sent = send_spans(mlflow, experiment, span("late", number=2, k="x" * 200_000))

    assert traced.rejected(sent) == 1
    assert Trace.objects.get().dropped_spans == 1


@override_settings(TRACE_MAX_BYTES=2000)
def test_a_file_over_the_limit_is_refused_as_a_whole(mlflow, experiment):
    start(mlflow, experiment)
    big = {**OF_2, "attributes": {"k": '"' + "x" * 3000 + '"'}}

    answer = file_of(mlflow, experiment, "PUT", json.dumps({"spans": [big]}).encode())

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert "MLOPS_TRACE_MAX_BYTES" in answer.message
    assert not TraceSpans.objects.exists()


def test_an_export_links_its_traces_to_the_run_in_its_header(
    mlflow, experiment, run_id
):
    spans = [span("outer"), span("inner", trace="b2", parent=5, number=6)]

    send_spans(mlflow, experiment, *spans, **{"X-MLflow-Run-Id": run_id})

    assert TraceLink.objects.get().trace_id == traced.trace_id()
    assert traced.search(mlflow, experiment, f"run_id = '{run_id}'") == ["a1"]


def test_an_export_for_a_run_that_is_not_there_keeps_nothing(mlflow, experiment):
    sent = send_spans(mlflow, experiment, span("a"), **{"X-MLflow-Run-Id": "none"})

    assert sent.status == 404
    assert not Trace.objects.exists()


def test_a_file_of_2_comes_back_as_it_was(mlflow, experiment):
    start(mlflow, experiment)
    body = {"spans": [OF_2], "request": '{"x": 7, "text": "값"}'}
    body["response"] = "[1, 2.5, true, null]"

    put = file_of(mlflow, experiment, "PUT", json.dumps(body).encode())

    agent = {"User-Agent": "mlflow-python-client/2.22.5"}
    got = json.loads(file_of(mlflow, experiment, **agent).raw)
    plain = {"span_id": "d3acf40e4eec6d2b", "trace_id": "c7" * 16}
    assert put.status == 200
    assert got == {**body, "spans": [{**OF_2, "context": plain}]}


def test_a_file_of_3_comes_back_as_it_was(mlflow, experiment):
    start(mlflow, experiment)
    of_3 = {
        "trace_id": "xFPqz2yWd1BQIueuq2uA+A==",
        "span_id": "9AYu7Im9y+0=",
        "parent_span_id": "+O9lRsNfZQY=",
        "name": "inner",
        "start_time_unix_nano": 1796040268160544688,
        "end_time_unix_nano": 1796040268160860281,
        "events": [],
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "attributes": {
            "mlflow.traceRequestId": f'"{traced.trace_id()}"',
            "mlflow.spanInputs": '{"x": NaN}',
        },
        "links": [
            {"trace_id": "tr-" + "ab" * 16, "span_id": "cd" * 8, "attributes": {}}
        ],
    }

    file_of(mlflow, experiment, "PUT", json.dumps({"spans": [of_3]}).encode())

    got = file_of(mlflow, experiment)
    assert json.loads(got.raw) == {"spans": [of_3]}
    assert got.headers["Content-Disposition"] == "attachment; filename=traces.json"


def test_both_ways_in_give_the_same_trace(mlflow, experiment):
    start(mlflow, experiment)
    file_of(mlflow, experiment, "PUT", json.dumps({"spans": [OF_2]}).encode())

    whole = get(mlflow).body["trace"]

    span_of_2 = whole["spans"][0]
    values = attributes(get(mlflow))
    assert whole["trace_info"]["tags"]["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert span_of_2["status"] == {"code": "STATUS_CODE_ERROR", "message": "boom"}
    assert values["mlflow.spanOutputs"]["array_value"]["values"] == [
        {"int_value": 1},
        {"double_value": 2.5},
        {"bool_value": True},
        {},
    ]
    assert span_of_2["events"][0]["attributes"] == [
        {"key": "exception.message", "value": {"string_value": "boom"}}
    ]


def test_a_page_of_the_protocol_s_ui_downloads_the_spans(mlflow, experiment):
    send_spans(mlflow, experiment, span("outer"))
    query = {"request_id": traced.trace_id(), "path": "traces.json"}

    got = mlflow.send("GET", "/ajax-api/2.0/mlflow/get-trace-artifact", query=query)

    assert json.loads(got.raw)["spans"][0]["name"] == "outer"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"spans": 1}',
        b'{"spans": [{}]}',
        b'{"spans": [{"context": {"trace_id": "zz"}}]}',
        b"{" + b'"spans":[' * 100_000,
    ],
)
def test_a_file_that_holds_no_spans_is_refused(mlflow, experiment, content):
    start(mlflow, experiment)

    answer = file_of(mlflow, experiment, "PUT", content)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_the_file_of_no_trace_is_missing(mlflow, experiment):
    answers = [
        file_of(mlflow, experiment, "PUT", b'{"spans": []}'),
        file_of(mlflow, experiment),
    ]
    start(mlflow, experiment)
    answers.append(file_of(mlflow, experiment))
    answers.append(file_of(mlflow, "0"))

    assert [answer.code for answer in answers] == ["RESOURCE_DOES_NOT_EXIST"] * 4


def test_a_trace_has_no_other_file(mlflow, experiment):
    start(mlflow, experiment)
    path = f"{experiment}/traces/{traced.trace_id()}/artifacts/picture.png"

    assert mlflow.put(path, b"x").status in {400, 404}
