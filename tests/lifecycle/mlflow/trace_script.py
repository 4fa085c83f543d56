"""Thirty traced calls in a run, with the unmodified client; read back and changed.

Run by `test_real_traces` in another Python, outside the repository; it knows nothing
of this project. Prints one JSON object with what the server should now hold.
"""

import json
import logging
import sys
import time

import mlflow
from mlflow import MlflowClient

IS_3 = int(mlflow.__version__.split(".")[0]) >= 3
CALLS = 30
WAIT_S = 60
warned = []


class Warned(logging.Handler):
    def emit(self, record):
        if record.name.startswith(
            ("mlflow.tracing", "mlflow.tracking", "mlflow.store")
        ):
            warned.append(record.getMessage())


def expect(condition, what):
    if not condition:
        sys.exit(f"not as expected: {what}")


@mlflow.trace(span_type="TOOL", attributes={"kind": "inner"})
def inner(number):
    return number + 1


@mlflow.trace
def outer(number, text):
    mlflow.update_current_trace(tags={"number": str(number)})
    if number == 7:
        raise ValueError("boom")
    return {"result": inner(number), "text": text}


def call_all(experiment):
    with mlflow.start_run() as run:
        for number in range(CALLS):
            try:
                outer(number, "서울 text")
            except ValueError:
                expect(number == 7, "only the seventh fails")
    if IS_3:
        mlflow.flush_trace_async_logging()
    return run.info.run_id


def found(client, experiment, text="", **more):
    return client.search_traces([experiment], filter_string=text or None, **more)


def wait_for_all(client, experiment):
    """Wait until every trace is there with its end; older clients cannot flush."""
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        traces = found(client, experiment, max_results=100)
        ended = [one for one in traces if one.info.status in ("OK", "ERROR")]
        if len(ended) == CALLS and all(one.data.spans for one in ended):
            return ended
        time.sleep(0.5)
    sys.exit(f"not as expected: {len(ended)} of {CALLS} traces ended")


def identifier(trace):
    return trace.info.request_id


def read_all(client, experiment, run_id):
    traces = wait_for_all(client, experiment)
    numbers = sorted(int(one.info.tags["number"]) for one in traces)
    expect(numbers == list(range(CALLS)), f"each call once: {numbers}")
    for one in traces:
        names = sorted(span.name for span in one.data.spans)
        wanted = ["outer"] if one.info.tags["number"] == "7" else ["inner", "outer"]
        expect(names == wanted, f"spans {names}")
    expect(traces[0].info.tags["number"] == "29", "newest first")
    pages = read_pages(client, experiment)
    expect(sorted(pages) == sorted(map(identifier, traces)), "pages")
    by_tag = found(client, experiment, "tags.number = '3'")
    expect([one.info.tags["number"] for one in by_tag] == ["3"], "by tag")
    failed = found(client, experiment, "trace.status = 'ERROR'")
    expect([one.info.tags["number"] for one in failed] == ["7"], "by status")
    expect(len(found(client, experiment, f"run_id = '{run_id}'")) == CALLS, "by run")
    expect(len(found(client, experiment, "name = 'outer'")) == CALLS, "by name")
    return traces, by_tag[0]


def read_pages(client, experiment):
    seen, token = [], None
    while True:
        page = found(
            client,
            experiment,
            max_results=7,
            order_by=["timestamp_ms ASC"],
            page_token=token,
        )
        seen += map(identifier, page)
        token = page.token
        if not token:
            return seen


def change_one(client, experiment, trace):
    pk = identifier(trace)
    root = next(span for span in trace.data.spans if span.name == "outer")
    expect(root.inputs == {"number": 3, "text": "서울 text"}, root.inputs)
    expect(root.outputs == {"result": 4, "text": "서울 text"}, root.outputs)
    again = mlflow.get_trace(pk)
    expect(again.info.tags["number"] == "3", "get_trace")
    client.set_trace_tag(pk, "team", "a")
    client.set_trace_tag(pk, "gone", "soon")
    client.delete_trace_tag(pk, "gone")
    tags = mlflow.get_trace(pk).info.tags
    expect(tags["team"] == "a" and "gone" not in tags, "tags")
    if IS_3:
        judge(pk)
    return pk


def judge(pk):
    first = mlflow.log_feedback(trace_id=pk, name="good", value=True)
    mlflow.log_expectation(trace_id=pk, name="answer", value={"a": [1]})
    mlflow.override_feedback(
        trace_id=pk, assessment_id=first.assessment_id, value=False
    )
    shown = mlflow.get_trace(pk).info.assessments
    said = [(one.name, one.overrides == first.assessment_id) for one in shown]
    expect(sorted(said) == [("answer", False), ("good", False), ("good", True)], said)
    expect([one.valid for one in shown if one.feedback] == [False, True], shown)


def main():
    logging.getLogger("mlflow").addHandler(Warned(logging.WARNING))
    client = MlflowClient()
    experiment = mlflow.set_experiment("traced").experiment_id
    run_id = call_all(experiment)
    traces, one = read_all(client, experiment, run_id)
    pk = change_one(client, experiment, one)
    gone = [identifier(trace) for trace in traces if identifier(trace) != pk][:2]
    deleted = (
        client.delete_traces(experiment, trace_ids=gone)
        if IS_3
        else client.delete_traces(experiment, request_ids=gone)
    )
    expect(deleted == len(gone), "deleted")
    told = {
        "version": mlflow.__version__,
        "run_id": run_id,
        "trace_id": pk,
        "deleted": gone,
        "warned": warned,
    }
    sys.stdout.write(json.dumps(told))


main()
