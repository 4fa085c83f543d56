"""Each table is written from one package, whichever API a write comes through."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from datasets.models import Dataset, DatasetVersion
from datasets.states import VersionState
from lifecycle.models import Experiment, Run
from lifecycle.purge import purge
from lifecycle.store import TABLES, experiments, logged, recording, runs
from lifecycle.store.experiments import NewExperiment
from lifecycle.store.points import NewPoint
from lifecycle.store.runs import NewRun
from mlops.core.models import User
from tests.lifecycle.mlflow import traced
from tests.lifecycle.mlflow.conftest import mlflow, mlflow_as
from tests.writes import STORE, Writes, owners

__all__ = ["mlflow", "mlflow_as"]

pytestmark = pytest.mark.django_db

L = "/api/v1/ml/lifecycle"
METRIC = {"key": "loss", "value": 0.5, "timestamp": 1}
SURE = {"confirmed": "yes"}


def through_rest(api):
    client = api("admin")
    prices = Dataset.objects.create(name="prices")
    prices.current_version = DatasetVersion.objects.create(
        dataset=prices, number=1, digest="d" * 64, state=VersionState.READY
    )
    prices.save()
    body = {"name": "by-rest", "description": "", "tags": ["a=b"]}
    assert client.post(f"{L}/experiments", body).status_code == 201
    client.patch(f"{L}/experiments/by-rest", {"description": "d", "tags": ["c"]})
    body = {
        "run_id": "run-by-rest",
        "experiment_name": "by-rest",
        "parameters": [{"name": "depth", "value": 3}],
        "metrics": [{"metric_name": "loss", "value": 0.5}],
        "tags": ["hot"],
        "artifacts": [{"name": "plot", "uri": "s3://b/p", "artifact_type": "image"}],
        "dataset_name": "prices",
    }
    assert client.post(f"{L}/runs", body).status_code == 201
    file = SimpleUploadedFile("model.onnx", b"weights")
    sent = {"file": file}
    upload = client.post(f"{L}/runs/run-by-rest/artifacts", sent, format="multipart")
    assert upload.status_code == 201
    ended = client.patch(f"{L}/runs/run-by-rest", {"status": "completed", "notes": "n"})
    assert ended.status_code == 200


def through_mlflow(mlflow):
    experiment = mlflow.ok("experiments/create", name="by-mlflow")["experiment_id"]
    mlflow.ok(
        "experiments/set-experiment-tag", experiment_id=experiment, key="a", value="b"
    )
    mlflow.ok("experiments/search", max_results=5)
    run = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    mlflow.ok("runs/log-metric", run_id=run, **METRIC)
    mlflow.ok("runs/log-parameter", run_id=run, key="depth", value="3")
    mlflow.ok("runs/set-tag", run_id=run, key="mlflow.note.content", value="n")
    mlflow.ok("runs/set-tag", run_id=run, key="gone", value="x")
    mlflow.ok("runs/delete-tag", run_id=run, key="gone")
    model = mlflow.ok("logged-models", experiment_id=experiment)["model"]["info"]
    read = {"dataset": {"name": "d", "digest": "1"}, "tags": []}
    models = [{"model_id": model["model_id"]}]
    mlflow.ok("runs/log-inputs", run_id=run, datasets=[read], models=models)
    mlflow.ok("runs/outputs", run_id=run, models=models)
    assert mlflow.put(f"{experiment}/{run}/artifacts/a.txt", b"a").status == 200
    mlflow.ok("runs/update", run_id=run, status="FINISHED", run_name="renamed")
    mlflow.ok("experiments/update", experiment_id=experiment, new_name="renamed")
    mlflow.ok("runs/delete", run_id=run)


def registry_through_rest(api):
    client = api("admin")
    checklist = [{"name": "load test", "status": "passed"}]
    body = {
        "model_name": "by-rest",
        "version": "1.0",
        "run_id": "run-by-rest",
        "approval_checklist": checklist,
        "metrics": [{"metric_name": "f1", "value": 0.5}],
        "tags": ["a=b"],
    }
    assert client.post(f"{L}/models", body).status_code == 201
    moved = client.patch(f"{L}/models/by-rest/1.0", {"stage": "staging"})
    assert moved.status_code == 200


def registry_through_mlflow(mlflow):
    pair = {"key": "a", "value": "b"}
    experiment = mlflow.ok("experiments/create", name="of-models")["experiment_id"]
    run = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    begun = mlflow.ok(
        "logged-models", experiment_id=experiment, params=[pair], tags=[pair]
    )
    model = begun["model"]["info"]["model_id"]
    mlflow.ok("runs/log-metric", run_id=run, **METRIC, model_id=model)
    named = {"name": "by-mlflow"}
    mlflow.ok("registered-models/create", **named, tags=[pair])
    source = f"runs:/{run}/model"
    mlflow.ok("model-versions/create", **named, source=source, tags=[pair])
    mlflow.ok("registered-models/alias", **named, version="1", alias="best")
    assert mlflow.delete("model-versions/delete", **named, version="1").status == 200
    assert mlflow.delete("registered-models/delete", **named).status == 200
    assert mlflow.delete(f"logged-models/{model}").status == 200


def traces_through_mlflow(mlflow):
    experiment = mlflow.ok("experiments/create", name="of-traces")["experiment_id"]
    run = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    traced.start(mlflow, experiment)
    traced.send_spans(mlflow, experiment, traced.span("outer"))
    ids = [traced.trace_id()]
    mlflow.ok("traces/link-to-run", trace_ids=ids, run_id=run)
    said = {"assessment_name": "q", "source": {"source_id": "me"}, "feedback": {}}
    path = f"{traced.V3}/{ids[0]}/assessments"
    assert mlflow.send("POST", path, {"assessment": said}).status == 200
    mlflow.ok("traces/delete-traces", experiment_id=experiment, request_ids=ids)


def through_admin(client):
    client.force_login(User.objects.create_superuser("boss"))
    form = {"name": "by-admin", "description": "", "metadata": "{}"}
    client.post(reverse("admin:lifecycle_experiment_add"), form)
    experiment = Experiment.objects.get(name="by-admin")
    form = {"experiment": experiment.pk, "name": "by hand", "notes": ""}
    client.post(reverse("admin:lifecycle_run_add"), form)
    run = Run.objects.get(name="by hand")
    for action in ("complete", "remove", "restore", "remove"):
        form = {"action": action, "_selected_action": [str(run.pk)]} | SURE
        client.post(reverse("admin:lifecycle_run_changelist"), form)
    assert Run.objects.get(pk=run.pk).deleted_ms is not None


def as_history():
    with recording.recording("a file store", by=None) as told:
        experiment = experiments.record(told, NewExperiment("told"), {"a": "b"})
        run = runs.record(told, NewRun("told-run-1", experiment, 1))
        logged.record(told, run, metrics=[NewPoint("loss", 0.5)], parameters={"p": 1})


@pytest.fixture
def walked(api, mlflow, client, writes):
    """Every writer was used once, and then all that was deleted is purged."""
    through_rest(api)
    through_mlflow(mlflow)
    registry_through_rest(api)
    registry_through_mlflow(mlflow)
    traces_through_mlflow(mlflow)
    through_admin(client)
    as_history()
    purge(timezone.now() + timedelta(seconds=1))
    return writes


def test_each_table_is_written_from_one_package(walked):
    written = {table: walked.packages[table] for table in TABLES}

    assert written == {table: {STORE} for table in TABLES}


def test_every_table_of_ours_has_one_owner():
    found = owners()

    assert {table for table, package in found.items() if package == STORE} == TABLES
    assert {"core_user", "datasets_dataset", "deployments_deployment"} <= set(found)


def test_a_second_writer_is_seen():
    recorder = Writes(owners())
    source = "def write(execute, sql):\n    recorder(execute, sql, (), False, None)\n"
    place = f"{__file__.partition('/tests/')[0]}/lifecycle/mlflow/views/runs.py"
    names = {"recorder": recorder}
    exec(compile(source, place, "exec"), names)  # noqa: S102 - a module of ours at work

    names["write"](lambda *_: None, "UPDATE lifecycle_run SET name = 'x'")

    assert recorder.strays() == {"lifecycle_run": {"lifecycle/mlflow"}}
