"""Assessments: feedback and expectations about a trace."""

import json

import pytest

from lifecycle.models import Assessment
from lifecycle.store import assessments
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.traced import V3, start

pytestmark = pytest.mark.django_db
FEEDBACK = {
    "assessment_name": "q",
    "source": {"source_type": "HUMAN", "source_id": "me"},
    "create_time": "2026-11-30T12:04:34.292Z",
    "last_update_time": "2026-11-30T12:04:34.292Z",
    "feedback": {"value": True},
    "rationale": "because",
    "metadata": {"x": "y"},
    "valid": True,
}


def address(trace="a1", pk=""):
    return f"{V3}/{traced.trace_id(trace)}/assessments{pk and f'/{pk}'}"


def try_to_say(mlflow, trace="a1", **more):
    body = {"assessment": {**FEEDBACK, "trace_id": traced.trace_id(trace), **more}}
    return mlflow.send("POST", address(trace), body)


def say(mlflow, trace="a1", **more):
    """Assess a trace, which must work, and return what the server shows of it."""
    answer = try_to_say(mlflow, trace, **more)
    assert answer.status == 200, answer.body
    return answer.body["assessment"]


@pytest.fixture
def trace(mlflow, experiment):
    start(mlflow, experiment)


def test_what_was_said_is_shown(mlflow, trace):
    said = say(mlflow)

    pk = said["assessment_id"]
    again = mlflow.send("GET", address(pk=pk)).body["assessment"]
    shown = mlflow.send("GET", f"{V3}/{traced.trace_id()}").body["trace"]["trace_info"]
    expected = {**FEEDBACK, "trace_id": traced.trace_id(), "assessment_id": pk}
    assert said == again == expected
    assert shown["assessments"] == [expected]
    assert pk.startswith("a-")


@pytest.mark.parametrize("value", [{"most_ms": 1000}, ["a", 1], []])
def test_a_structure_that_is_expected_is_shown_as_text(mlflow, trace, value):
    source = {"source_type": "HUMAN"}
    body = {"assessment_name": "q", "source": source, "expectation": {"value": value}}

    answer = mlflow.send("POST", address(), {"assessment": body})

    shown = answer.body["assessment"]["expectation"]["serialized_value"]
    assert shown == {
        "serialization_format": "JSON_FORMAT",
        "value": json.dumps(value),
    }


@pytest.mark.parametrize(
    "content",
    [
        {"feedback": {"value": None, "error": {"error_code": "ValueError"}}},
        {"feedback": {"value": {"a": [1, 2.5, "x"]}}},
        {"expectation": {"value": "Seoul"}},
        {"expectation": {"serialized_value": {"value": '{"a": [1]}'}}},
    ],
)
def test_each_kind_of_value_is_kept(mlflow, trace, content):
    said = say(mlflow, **{"feedback": None, **content})

    assert {key: said.get(key) for key in content} == content


def test_assessments_may_come_with_the_trace(mlflow, experiment):
    shown = start(mlflow, experiment, assessments=[FEEDBACK])

    assert shown["assessments"][0]["rationale"] == "because"
    assert shown["assessments"][0]["trace_id"] == traced.trace_id()


def test_a_change_replaces_what_its_mask_names(mlflow, trace):
    pk = say(mlflow)["assessment_id"]
    told = {"assessment_name": "q2", "feedback": {"value": 0.5}, "rationale": "no"}
    told["metadata"] = {"z": "1"}
    body = {"assessment": told, "update_mask": "assessmentName,feedback,metadata"}

    changed = mlflow.send("PATCH", address(pk=pk), body).body["assessment"]

    assert changed["assessment_name"] == "q2"
    assert changed["feedback"] == {"value": 0.5}
    assert changed["rationale"] == "because"
    assert changed["metadata"] == {"x": "y", "z": "1"}
    assert changed["create_time"] == FEEDBACK["create_time"]
    assert changed["last_update_time"] != FEEDBACK["last_update_time"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"assessment": {"rationale": "x"}}, "update_mask"),
        ({"assessment": {"rationale": "x"}, "update_mask": "source"}, "source"),
        ({"update_mask": "rationale"}, "assessment"),
        (
            {"assessment": {"expectation": {}, "a": 1}, "update_mask": "expectation"},
            "Cannot update expectation value on a Feedback assessment",
        ),
    ],
)
def test_a_bad_change_is_refused(mlflow, trace, body, said):
    pk = say(mlflow)["assessment_id"]

    answer = mlflow.send("PATCH", address(pk=pk), body)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert said in answer.message


def test_the_overridden_one_is_not_valid_until_the_other_goes(mlflow, trace):
    first = say(mlflow)["assessment_id"]
    second = say(mlflow, overrides=first, feedback={"value": False})
    overridden = Assessment.objects.get(pk=first).is_valid

    gone = mlflow.send("DELETE", address(pk=second["assessment_id"]), {})
    twice = mlflow.send("DELETE", address(pk=second["assessment_id"]), {})

    assert second["overrides"] == first
    assert overridden is False
    assert Assessment.objects.get().is_valid
    assert [gone.body, twice.body] == [{}, {}]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"feedback": None}, "feedback or an expectation"),
        ({"expectation": {"value": 1}}, "feedback or an expectation"),
        ({"feedback": 1}, "feedback"),
        ({"assessment_name": ""}, "assessment_name"),
        ({"assessment_name": "x" * 251}, "assessment_name"),
        ({"source": {}}, "source"),
        ({"source": {"source_type": "DOG"}}, "source_type"),
        ({"create_time": "now"}, "create_time"),
        ({"span_id": "x" * 51}, "span_id"),
        ({"metadata": {"a": 1}}, "metadata"),
    ],
)
def test_a_bad_assessment_names_its_field(mlflow, trace, change, said):
    answer = try_to_say(mlflow, **change)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert said in answer.message
    assert not Assessment.objects.exists()


def test_an_assessment_needs_its_trace(mlflow, trace):
    pk = say(mlflow)["assessment_id"]

    answers = [
        try_to_say(mlflow, "ff"),
        try_to_say(mlflow, overrides="a-none"),
        mlflow.send("GET", address(pk="a-none")),
        mlflow.send("GET", address("ff", pk)),
        mlflow.send("DELETE", address("ff", pk), {}),
    ]

    assert {answer.code for answer in answers} == {"RESOURCE_DOES_NOT_EXIST"}
    assert Assessment.objects.count() == 1


def test_a_trace_has_a_limit_of_assessments(mlflow, trace, monkeypatch):
    monkeypatch.setattr(assessments, "MOST", 1)
    say(mlflow)

    assert "at most 1 assessments" in try_to_say(mlflow).message
