"""Tags of traces, their links to runs, and how they are deleted."""

from datetime import timedelta

import pytest
from django.utils import timezone

from lifecycle.models import Assessment, Trace, TraceLink, TraceSpans
from lifecycle.purge import purge
from mlops.core.models import AuditEntry
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.test_assessments import say
from tests.lifecycle.mlflow.traced import V3, search, send_spans, span, start

pytestmark = pytest.mark.django_db
TAGS = f"traces/{traced.trace_id()}/tags"


def tags(mlflow):
    shown = mlflow.send("GET", f"{V3}/{traced.trace_id()}").body
    return shown["trace"]["trace_info"]["tags"]


@pytest.mark.parametrize("root", ["/api/2.0/mlflow", "/api/3.0/mlflow"])
def test_a_tag_is_set_replaced_and_deleted(mlflow, experiment, root):
    start(mlflow, experiment)

    for value in ("apple", "grape"):
        body = {"key": "fruit", "value": value}
        assert mlflow.send("PATCH", f"{root}/{TAGS}", body).body == {}
    replaced = tags(mlflow)["fruit"]
    gone = mlflow.send("DELETE", f"{root}/{TAGS}", {"key": "fruit"})
    twice = mlflow.send("DELETE", f"{root}/{TAGS}", {"key": "fruit"})

    assert replaced == "grape"
    assert (gone.status, gone.body) == (200, {})
    assert "fruit" not in tags(mlflow)
    assert (twice.status, twice.code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert twice.message == (
        f"No trace tag with key 'fruit' for trace with ID '{traced.trace_id()}'"
    )


def test_a_name_is_a_tag_too(mlflow, experiment):
    start(mlflow, experiment)
    name = {"key": "mlflow.traceName"}

    mlflow.patch(TAGS, **name, value="renamed")
    renamed = Trace.objects.get().name
    mlflow.delete(TAGS, **name)

    assert renamed == "renamed"
    assert "mlflow.traceName" not in tags(mlflow)
    assert mlflow.delete(TAGS, **name).code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "Missing value for required parameter 'key'"),
        ("invalid?tag!name:(", 'Invalid value "invalid?tag!name:(" for parameter'),
        ("../", "Invalid value \"../\" for parameter 'key' supplied"),
        ("a" * 251, "'key' exceeds the maximum length of 250 characters"),
        ("mlflow.trace.spansLocation", "immutable"),
    ],
)
def test_a_bad_tag_is_refused(mlflow, experiment, key, said):
    start(mlflow, experiment)

    answers = [mlflow.patch(TAGS, key=key, value="v"), mlflow.delete(TAGS, key=key)]

    for answer in answers:
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
        assert said in answer.message


def test_a_tag_needs_its_trace(mlflow):
    for key in ("a", "mlflow.traceName"):
        answers = [mlflow.patch(TAGS, key=key, value="v"), mlflow.delete(TAGS, key=key)]
        assert {answer.code for answer in answers} == {"RESOURCE_DOES_NOT_EXIST"}


def test_linked_traces_are_found_by_the_run(mlflow, experiment, run_id):
    for one in ("a1", "b2"):
        start(mlflow, experiment, one)
    ids = [traced.trace_id("a1")]

    for _ in range(2):
        mlflow.ok("traces/link-to-run", trace_ids=ids, run_id=run_id)

    assert search(mlflow, experiment, f"run_id = '{run_id}'") == ["a1"]
    assert search(mlflow, experiment, f"run_id IN ('{run_id}')") == ["a1"]
    assert TraceLink.objects.count() == 1


def test_a_link_may_come_before_its_trace(mlflow, experiment, run_id):
    """Clients send traces beside their work, and links at once."""
    ids = [traced.trace_id("a1")]
    mlflow.ok("traces/link-to-run", trace_ids=ids, run_id=run_id)
    before = search(mlflow, experiment, f"run_id = '{run_id}'")

    start(mlflow, experiment, "a1")

    assert before == []
    assert search(mlflow, experiment, f"run_id = '{run_id}'") == ["a1"]


def test_a_link_names_traces_and_a_living_run(mlflow, experiment, run_id):
    ids = [traced.trace_id()]
    mlflow.ok("runs/delete", run_id=run_id)
    many = [f"t{number}" for number in range(101)]

    def said(**body):
        return mlflow.post("traces/link-to-run", body).message

    assert "trace_ids" in said(run_id=run_id)
    assert "run_id" in said(trace_ids=ids)
    assert "Run with id=none not found" in said(trace_ids=ids, run_id="none")
    assert "Current state is deleted" in said(trace_ids=ids, run_id=run_id)
    assert "more than 100 traces" in said(trace_ids=many, run_id=run_id)
    assert "trace_id" in said(trace_ids=["a/b"], run_id=run_id)
    assert "trace_id" in said(trace_ids=["a" * 101], run_id=run_id)


@pytest.fixture
def three(mlflow, experiment):
    for number, one in enumerate(("a1", "b2", "c3")):
        moment = f"2026-11-30T12:00:0{number}Z"
        start(mlflow, experiment, one, request_time=moment)
        send_spans(mlflow, experiment, span("outer", trace=one))


def delete(mlflow, experiment, **body):
    return mlflow.post("traces/delete-traces", experiment_id=experiment, **body)


def test_traces_are_deleted_by_id_in_their_experiment(
    mlflow, experiment, three, run_id
):
    ids = [traced.trace_id(one) for one in ("a1", "c3", "f0")]
    say(mlflow, "a1")
    mlflow.ok("traces/link-to-run", trace_ids=ids[:2], run_id=run_id)

    elsewhere = delete(mlflow, "0", request_ids=ids)
    here = delete(mlflow, experiment, request_ids=ids)

    assert (elsewhere.body, here.body) == ({}, {"traces_deleted": 2})
    assert search(mlflow, experiment) == ["b2"]
    assert (TraceSpans.objects.count(), TraceLink.objects.count()) == (1, 0)
    assert not Assessment.objects.exists()
    entry = AuditEntry.objects.filter(object_type="lifecycle.trace").get()
    assert (entry.action, entry.object_name) == ("delete", "2 traces")


def test_the_oldest_traces_are_deleted_up_to_a_time(mlflow, experiment, three):
    one = delete(mlflow, experiment, max_timestamp_millis=1796040001000, max_traces=1)
    left = search(mlflow, experiment)
    rest = delete(mlflow, experiment, max_timestamp_millis=1796040001000)

    assert (one.body, left) == ({"traces_deleted": 1}, ["c3", "b2"])
    assert rest.body == {"traces_deleted": 1}
    assert search(mlflow, experiment) == ["c3"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "max_timestamp_millis"),
        ({"max_traces": 1}, "max_timestamp_millis"),
        ({"max_timestamp_millis": 1, "max_traces": 0}, "max_traces"),
        ({"max_timestamp_millis": 1, "request_ids": ["a"]}, "request_ids"),
        ({"request_ids": [f"t{number}" for number in range(501)]}, "at most 500"),
    ],
)
def test_a_vague_deletion_is_refused(mlflow, experiment, three, body, said):
    answer = delete(mlflow, experiment, **body)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert said in answer.message
    assert Trace.objects.count() == 3


def test_traces_go_with_their_experiment(mlflow, experiment, three):
    say(mlflow, "a1")
    mlflow.ok("experiments/delete", experiment_id=experiment)

    purge(timezone.now() + timedelta(seconds=1))

    assert not Trace.objects.exists()
    assert not TraceSpans.objects.exists()
