"""The protocol's own limit of writes, which REST does not share."""

import pytest

from lifecycle.mlflow import rate
from lifecycle.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_a_minute(settings, monkeypatch):
    """Let two writes a minute pass, in a minute that does not end under the test."""
    settings.MLFLOW_WRITE_RATE = 2
    monkeypatch.setattr(rate.time, "time", lambda: 1_700_000_005.0)


def tag(client, run_id, value="b"):
    return client.post("runs/set-tag", run_id=run_id, key="a", value=value)


def test_a_write_above_the_limit_is_told_to_wait(mlflow, run_id, two_a_minute):
    answers = [tag(mlflow, run_id, str(number)) for number in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    refused = answers[-1]
    assert refused.code == "REQUEST_LIMIT_EXCEEDED"
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert Run.objects.get().tags.get(key__name="a").value == "1"


def test_reading_and_searching_are_not_counted(
    mlflow, run_id, experiment, two_a_minute
):
    for _ in range(4):
        assert mlflow.get("runs/get", run_id=run_id).status == 200
        assert mlflow.post("runs/search", experiment_ids=[experiment]).status == 200

    assert tag(mlflow, run_id).status == 200


def test_files_count_as_writes(mlflow, run_id, experiment, two_a_minute):
    place = f"{experiment}/{run_id}/artifacts"

    stored = [mlflow.put(f"{place}/{name}.txt", b"a").status for name in "abc"]

    assert stored == [200, 200, 429]


def test_everybody_is_counted_apart(mlflow, mlflow_as, run_id, two_a_minute):
    for _ in range(3):
        tag(mlflow, run_id)

    assert tag(mlflow_as("admin"), run_id).status == 200


def test_zero_is_no_limit(mlflow, run_id, settings):
    settings.MLFLOW_WRITE_RATE = 0

    assert {tag(mlflow, run_id).status for _ in range(5)} == {200}


def test_rest_counts_by_its_own_limit(api, mlflow, run_id, settings, two_a_minute):
    settings.WRITE_RATE = 0
    for _ in range(3):
        tag(mlflow, run_id)

    body = {"experiment_name": "study"}
    made = api("data scientist").post("/api/v1/ml/lifecycle/runs", body)

    assert made.status_code == 201
