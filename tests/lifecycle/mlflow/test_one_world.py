"""One set of rows: what a client logs is at once on REST, and the other way round."""

import pytest

from lifecycle.models import Run
from lifecycle.models.metric import NewPoint

pytestmark = pytest.mark.django_db(transaction=True)
REST = "/api/v1/ml/lifecycle"


def test_a_run_of_the_client_has_its_shape_on_rest(mlflow, api, experiment, run_id):
    mlflow.ok(
        "runs/log-batch",
        run_id=run_id,
        metrics=[
            {"key": "loss", "value": 0.5, "timestamp": 10, "step": 2},
            {"key": "broken", "value": "NaN", "timestamp": 10, "step": 2},
            {"key": "endless", "value": "-Infinity", "timestamp": 10, "step": 2},
        ],
        params=[{"key": "lr", "value": "0.1"}],
        tags=[{"key": "team", "value": "a"}],
    )
    mlflow.put(f"{experiment}/{run_id}/artifacts/model.onnx", b"12345")
    start = Run.objects.get(uid=run_id).started_ms
    mlflow.ok("runs/update", run_id=run_id, status="FINISHED", end_time=start + 2500)

    shown = api("viewer").get(f"{REST}/runs/{run_id}").json()
    told = api("viewer").get(f"{REST}/experiments/study").json()

    assert (shown["run_id"], shown["status"]) == (run_id, "completed")
    assert shown["created_by"] == "data-scientist"
    assert {m["metric_name"]: m["value"] for m in shown["metrics"]} == {
        "broken": "NaN",
        "endless": "-Infinity",
        "loss": 0.5,
    }
    assert told["metrics"] == {"loss": 0.5}
    assert told["special_metrics"] == {"broken": "NaN", "endless": "-Infinity"}
    assert shown["parameters"] == [{"name": "lr", "value": "0.1"}]
    assert "team=a" in shown["tags"]
    assert told["duration_seconds"] == 2.5
    assert any("metric loss = 0.5 at step 2" in line for line in told["logs"])
    assert "model.onnx" in str(told["artifacts"])


def test_a_run_of_rest_has_its_shape_for_the_client(mlflow, api):
    client = api("data scientist")
    client.post(f"{REST}/experiments", {"name": "by-rest", "description": "about"})
    client.post(f"{REST}/runs", {"run_id": "my-own-run", "experiment_name": "by-rest"})
    run = Run.objects.get(uid="my-own-run")
    run.log(
        metrics=[
            NewPoint("acc", 0.8, 1, 5, "train"),
            NewPoint("acc", 0.7, 2, 6, "test"),
        ],
        params={"depth": 3},
        tags={"team": "a"},
    )

    shown = mlflow.get("runs/get", run_id="my-own-run").body["run"]
    experiment = mlflow.get("experiments/get-by-name", experiment_name="by-rest").body
    found = mlflow.ok(
        "runs/search",
        experiment_ids=[experiment["experiment"]["experiment_id"]],
        filter="metrics.acc < 0.75 and params.depth = '3'",
        order_by=["metrics.acc"],
    )

    assert shown["info"]["user_id"] == "data-scientist"
    assert shown["data"]["metrics"] == [
        {"key": "acc", "value": 0.7, "timestamp": 6, "step": 2}
    ]
    assert shown["data"]["params"] == [{"key": "depth", "value": "3"}]
    assert {"key": "mlflow.note.content", "value": "about"} in experiment["experiment"][
        "tags"
    ]
    assert [run["info"]["run_id"] for run in found["runs"]] == ["my-own-run"]


def test_an_archived_experiment_takes_no_runs_by_either_api(mlflow, api, experiment):
    api("data scientist").patch(f"{REST}/experiments/study", {"status": "archived"})

    answer = mlflow.post("runs/create", experiment_id=experiment)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert "archived" in answer.message
