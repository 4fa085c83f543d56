"""What a data scientist's script does, with the unmodified client.

Run by `test_real_client` in another Python, outside the repository; it knows nothing
of this project. Prints one JSON object with what the server should now hold.
"""

import json
import math
import sys
import tempfile
from pathlib import Path

import mlflow
import mlflow.sklearn
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

IS_3 = int(mlflow.__version__.split(".")[0]) >= 3
NAME = "model" if not IS_3 else "iris model"
found = {"version": mlflow.__version__}
X, y = load_iris(return_X_y=True, as_frame=True)
client = MlflowClient()


def expect(condition, what):
    if not condition:
        sys.exit(f"not as expected: {what}")


def log_everything():
    mlflow.set_experiment("Iris/한글 1")
    with mlflow.start_run(run_name="first", tags={"team": "a"}) as run:
        mlflow.log_param("depth", 3)
        mlflow.log_params({"lr": 0.1, "kind": "tree"})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metrics({"acc": 0.9, "nan": math.nan, "inf": math.inf}, step=3)
        mlflow.set_tag("stage", "try")
        mlflow.set_tags({"a/b": "c", "gone": "soon"})
        mlflow.delete_tag("gone")
        mlflow.log_text("hello", "notes/über file.txt")
        mlflow.log_dict({"a": [1, 2]}, "config.json")
        mlflow.log_table({"q": ["x"], "a": ["y"]}, "table.json")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "a.bin").write_bytes(b"\x00" * 100_000)
            Path(folder, "empty").touch()
            Path(folder, "sub").mkdir()
            Path(folder, "sub", "b.txt").write_text("b")
            mlflow.log_artifacts(folder, "files")
        mlflow.log_input(mlflow.data.from_pandas(X.head(), name="iris"), "training")
        with mlflow.start_run(nested=True, run_name="child"):
            mlflow.log_metric("acc", 0.7)
    client.log_batch(
        run.info.run_id,
        [Metric("curve", i / 10, 1000 + i, i) for i in range(1000 - 2)],
        [Param("p", "1")],
        [RunTag("t", "2")],
    )
    again = mlflow.start_run(run_id=run.info.run_id)
    mlflow.log_metric("late", 1.0)
    mlflow.end_run()
    return again.info.run_id


def check_run(run_id):
    run = client.get_run(run_id)
    expect(run.info.status == "FINISHED", run.info.status)
    expect(math.isnan(run.data.metrics["nan"]), "NaN")
    expect(run.data.metrics["inf"] > 1e308, "infinity")
    expect(run.data.metrics["loss"] == 0.25, "latest metric")
    expect(run.data.params["depth"] == "3", "parameter")
    expect("gone" not in run.data.tags, "deleted tag")
    expect(run.inputs.dataset_inputs[0].dataset.name == "iris", "input")
    history = client.get_metric_history(run_id, "curve")
    expect([m.step for m in history] == list(range(998)), "history")
    try:
        client.log_param(run_id, "depth", 4)
        sys.exit("not as expected: a parameter changed")
    except MlflowException as error:
        expect("Changing param values is not allowed" in str(error), str(error))
    names = {item.path for item in client.list_artifacts(run_id)}
    expect({"notes", "config.json", "files", "table.json"} <= names, names)
    inside = [item.path for item in client.list_artifacts(run_id, "files")]
    expect(inside == ["files/a.bin", "files/empty", "files/sub"], inside)
    text = mlflow.artifacts.load_text(f"runs:/{run_id}/notes/über file.txt")
    expect(text == "hello", text)
    local = Path(mlflow.artifacts.download_artifacts(run_id=run_id))
    expect((local / "files" / "a.bin").stat().st_size == 100_000, "download")
    expect((local / "files" / "empty").stat().st_size == 0, "empty file")


def autolog():
    mlflow.sklearn.autolog(max_tuning_runs=3)
    with mlflow.start_run(run_name="grid") as run:
        GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1, 10]}, cv=3).fit(
            X, y
        )
    mlflow.sklearn.autolog(disable=True)
    children = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=f"tags.`mlflow.parentRunId` = '{run.info.run_id}'",
        output_format="list",
    )
    expect(len(children) == 3, f"{len(children)} children")
    return run.info.run_id


def register():
    model = LogisticRegression(max_iter=500).fit(X, y)
    with mlflow.start_run(run_name="registered") as run:
        if IS_3:
            logged = mlflow.sklearn.log_model(model, name="model", input_example=X[:2])
        else:
            logged = mlflow.sklearn.log_model(model, "model", input_example=X[:2])
    version = mlflow.register_model(logged.model_uri, NAME)
    second = mlflow.register_model(f"runs:/{run.info.run_id}/model", NAME)
    expect((str(version.version), str(second.version)) == ("1", "2"), "numbers")
    client.set_registered_model_alias(NAME, "champion", "2")
    client.set_registered_model_tag(NAME, "team", "a")
    client.set_model_version_tag(NAME, "1", "ok", "yes")
    client.update_model_version(NAME, "1", description="the first")
    client.update_registered_model(NAME, description="flowers")
    check_stages()
    expected = model.predict(X[:5]).tolist()
    uris = [f"models:/{NAME}/1", f"models:/{NAME}@champion", logged.model_uri]
    uris += [f"models:/{NAME}/Staging", f"models:/{NAME}/latest"]
    for uri in uris:
        loaded = mlflow.pyfunc.load_model(uri)
        expect(loaded.predict(X[:5]).tolist() == expected, uri)
    check_registry()
    return run.info.run_id


def check_stages():
    client.transition_model_version_stage(NAME, "1", "Staging")
    try:
        client.transition_model_version_stage(NAME, "1", "Production")
        sys.exit("not as expected: production without an approval")
    except MlflowException as error:
        expect("approved" in str(error), str(error))


def check_registry():
    expect(len(client.search_model_versions(f"name = '{NAME}'")) == 2, "versions")
    names = [m.name for m in client.search_registered_models()]
    expect(names == [NAME], names)
    by_alias = client.get_model_version_by_alias(NAME, "champion")
    expect(str(by_alias.version) == "2", "alias")
    client.delete_registered_model_alias(NAME, "champion")


def search(run_id):
    experiment = client.get_experiment_by_name("Iris/한글 1").experiment_id
    pages, token = [], None
    while True:
        page = client.search_runs(
            [experiment],
            "metrics.acc > 0.1 and params.`depth` != 'x' or tags.team = 'a'",
            order_by=["metrics.acc DESC"],
            max_results=1,
            page_token=token,
        )
        pages += [run.info.run_id for run in page]
        if not (token := page.token):
            break
    expect(pages == [run_id], pages)
    frame = mlflow.search_runs([experiment], order_by=["metrics.acc ASC"])
    expect(frame["metrics.acc"].dropna().tolist()[:2] == [0.7, 0.9], "order")
    expect(
        len(client.search_experiments(filter_string="name LIKE 'Iris/%'")) == 1,
        "experiments",
    )


def delete_and_restore(run_id):
    client.delete_run(run_id)
    expect(client.get_run(run_id).info.lifecycle_stage == "deleted", "deleted")
    experiment = client.get_run(run_id).info.experiment_id
    gone = client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY)
    expect(run_id in [run.info.run_id for run in gone], "deleted only")
    client.restore_run(run_id)
    other = client.create_experiment("for a moment")
    client.rename_experiment(other, "still here")
    client.delete_experiment(other)
    client.restore_experiment(other)
    expect(client.get_experiment(other).name == "still here", "restored")


found["run_id"] = log_everything()
check_run(found["run_id"])
found["grid_id"] = autolog()
found["registered_id"] = register()
search(found["run_id"])
delete_and_restore(found["run_id"])
sys.stdout.write(json.dumps(found))
