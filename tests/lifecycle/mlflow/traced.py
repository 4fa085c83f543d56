"""What a client of 3.x sends about one traced call, without the client."""

import gzip

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

V3 = "/api/3.0/mlflow/traces"
NS = 1_000_000
BEGAN_MS = 1_796_040_270_202
BEGAN = "2026-11-30T12:04:30.202Z"


def span(name, trace="a1", number=1, parent=0, **attributes):
    """Return one span; numbers stand for its id and its parent's, 0 for none."""
    return {
        "name": name,
        "trace": trace,
        "number": number,
        "parent": parent,
        "attributes": attributes,
    }


def export(*spans, took_ms=5):
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for one in spans:
        made = scope.spans.add()
        made.name = one["name"]
        made.trace_id = bytes.fromhex(one["trace"].rjust(32, "0"))
        made.span_id = one["number"].to_bytes(8, "big")
        if one["parent"]:
            made.parent_span_id = one["parent"].to_bytes(8, "big")
        made.start_time_unix_nano = (BEGAN_MS + one["number"]) * NS
        made.end_time_unix_nano = (BEGAN_MS + one["number"] + took_ms) * NS
        made.status.code = made.status.STATUS_CODE_OK
        for key, value in one["attributes"].items():
            attribute = made.attributes.add()
            attribute.key = key.replace("__", ".")
            attribute.value.string_value = value
    return request.SerializeToString()


def send_spans(mlflow, experiment, *spans, **headers):
    return send_export(mlflow, experiment, export(*spans), **headers)


def send_export(mlflow, experiment, body, **headers):
    packed = headers.pop("gzip", True)
    encoding = {"Content-Encoding": "gzip"} if packed else {}
    return mlflow.send(
        "POST",
        "/v1/traces",
        gzip.compress(body) if packed else body,
        content_type=headers.pop("content_type", "application/x-protobuf"),
        headers={"X-MLflow-Experiment-Id": experiment, **encoding, **headers},
    )


def rejected(answer):
    response = ExportTraceServiceResponse.FromString(answer.raw)
    return response.partial_success.rejected_spans


def trace_id(trace="a1"):
    return f"tr-{trace.rjust(32, '0')}"


def info(experiment, trace="a1", **more):
    return {
        "trace_id": trace_id(trace),
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": experiment},
        },
        "request_time": BEGAN,
        "execution_duration": "0.046s",
        "state": "OK",
        "trace_metadata": {"mlflow.trace_schema.version": "3", "md": "m0"},
        "tags": {"mlflow.traceName": "outer", "n": "0"},
        **more,
    }


def start(mlflow, experiment, trace="a1", **more):
    """Report a trace, which must work, and return what the server shows of it."""
    body = {"trace": {"trace_info": info(experiment, trace, **more)}}
    answer = mlflow.send("POST", V3, body)
    assert answer.status == 200, answer.body
    return answer.body["trace"]["trace_info"]


def get(mlflow, trace="a1", **query):
    query = {"trace_id": trace_id(trace), **query}
    return mlflow.send("GET", f"{V3}/get", query=query)


def search(mlflow, experiment, text="", **more):
    """Search, which must work, and return the ids that were found."""
    answer = search_answer(mlflow, experiment, text, **more)
    assert answer.status == 200, answer.body
    found = [one["trace_id"] for one in answer.body.get("traces", [])]
    return [one.removeprefix("tr-").lstrip("0") for one in found]


def search_answer(mlflow, experiment, text="", **more):
    place = {"mlflow_experiment": {"experiment_id": experiment}}
    body = {"locations": [place], "filter": text, **more}
    return mlflow.send("POST", f"{V3}/search", body)
