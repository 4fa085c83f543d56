"""Logged models of MLflow 3."""

import pytest

from lifecycle.models import LoggedModel, LoggedModelTag

pytestmark = pytest.mark.django_db
REST = "/api/v1/ml/lifecycle"


def begin(mlflow, experiment, **fields):
    made = mlflow.ok("logged-models", experiment_id=experiment, **fields)
    return made["model"]["info"]


@pytest.fixture
def model(mlflow, experiment, run_id):
    return begin(
        mlflow,
        experiment,
        name="tree",
        source_run_id=run_id,
        params=[{"key": "depth", "value": "3"}],
        tags=[{"key": "team", "value": "a"}],
    )


def test_a_model_begins_pending_and_is_finished(mlflow, experiment, run_id, model):
    finished = mlflow.patch(
        f"logged-models/{model['model_id']}", status="LOGGED_MODEL_READY"
    ).body["model"]

    assert model["status"] == "LOGGED_MODEL_PENDING"
    assert finished["info"]["status"] == "LOGGED_MODEL_READY"
    assert finished["info"]["source_run_id"] == run_id
    assert finished["data"]["params"] == [{"key": "depth", "value": "3"}]
    assert finished["info"]["artifact_uri"] == (
        f"mlflow-artifacts:/{experiment}/models/{model['model_id']}/artifacts"
    )


def test_the_run_of_a_model_may_be_elsewhere(mlflow, experiment):
    assert begin(mlflow, experiment, source_run_id="123")["source_run_id"] == "123"


@pytest.mark.parametrize("name", ["", "a/b", "a.b", "a%b", "x" * 501])
def test_names_that_could_be_paths_are_refused(mlflow, experiment, name):
    answer = mlflow.post("logged-models", experiment_id=experiment, name=name)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_tags_and_parameters_are_added_and_tags_deleted(mlflow, model):
    address = f"logged-models/{model['model_id']}"
    mlflow.patch(f"{address}/tags", tags=[{"key": "a/b", "value": "1"}])
    mlflow.post(f"{address}/params", params=[{"key": "lr", "value": "0.1"}])
    mlflow.delete(f"{address}/tags/team")
    again = mlflow.delete(f"{address}/tags/team")

    shown = mlflow.get(address).body["model"]
    assert shown["info"]["tags"] == [{"key": "a/b", "value": "1"}]
    assert {p["key"] for p in shown["data"]["params"]} == {"depth", "lr"}
    assert (again.status, again.code) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_metrics_about_a_model_are_the_run_s_and_the_model_s(mlflow, run_id, model):
    metric = {"key": "acc", "value": 0.9, "timestamp": 5, "step": 1}
    about = {"model_id": model["model_id"], "dataset_name": "test"}
    mlflow.ok("runs/log-batch", run_id=run_id, metrics=[{**metric, **about}])

    shown = mlflow.get(f"logged-models/{model['model_id']}").body["model"]

    assert shown["data"]["metrics"] == [{**metric, **about, "run_id": run_id}]
    run = mlflow.get("runs/get", run_id=run_id).body["run"]
    assert run["data"]["metrics"] == [metric]


def test_outputs_and_inputs_name_the_model(mlflow, run_id, model):
    named = {"model_id": model["model_id"]}
    mlflow.ok("runs/outputs", run_id=run_id, models=[{**named, "step": 2}])
    mlflow.ok("runs/log-inputs", run_id=run_id, models=[named])

    run = mlflow.get("runs/get", run_id=run_id).body["run"]

    assert run["outputs"] == {"model_outputs": [{**named, "step": 2}]}
    assert run["inputs"] == {"model_inputs": [named]}


def test_a_deleted_model_is_gone_from_show_and_search(mlflow, experiment, model):
    mlflow.delete(f"logged-models/{model['model_id']}")

    found = mlflow.ok("logged-models/search", experiment_ids=[experiment])
    assert mlflow.get(f"logged-models/{model['model_id']}").status == 404
    assert found == {}
    assert LoggedModel.objects.exists()  # until it is purged


@pytest.mark.parametrize("ascending", [True, False])
def test_no_number_comes_after_numbers_and_no_metric_last(
    mlflow, experiment, run_id, ascending
):
    for name, loss in (("nan", "NaN"), ("low", -5), ("none", None), ("high", 5)):
        model = begin(mlflow, experiment, name=name)["model_id"]
        if loss is not None:
            point = {"key": "loss", "value": loss, "timestamp": 1, "model_id": model}
            mlflow.ok("runs/log-metric", run_id=run_id, **point)
    order = [{"field_name": "metrics.loss", "ascending": ascending}]
    asked = {"experiment_ids": [experiment], "order_by": order, "max_results": 2}

    first = mlflow.ok("logged-models/search", **asked)
    token = first["next_page_token"]
    second = mlflow.ok("logged-models/search", **asked, page_token=token)

    names = [one["info"]["name"] for one in [*first["models"], *second["models"]]]
    numbers = ["low", "high"] if ascending else ["high", "low"]
    assert names == [*numbers, "nan", "none"]


def test_models_are_searched_by_what_was_logged(mlflow, experiment, run_id):
    ids = {}
    for name, acc in (("a", 0.1), ("b", 0.2)):
        ids[name] = begin(mlflow, experiment, name=name)["model_id"]
        mlflow.ok(
            "runs/log-metric",
            run_id=run_id,
            key="acc",
            value=acc,
            timestamp=1,
            model_id=ids[name],
            dataset_name=f"on {name}",
        )

    def names(**asked):
        found = mlflow.ok("logged-models/search", experiment_ids=[experiment], **asked)
        return [one["info"]["name"] for one in found.get("models", [])]

    by_acc = [{"field_name": "metrics.acc", "ascending": False}]
    assert names(filter="name = 'a' OR name = 'b'", order_by=by_acc) == ["b", "a"]
    assert names(filter="metrics.acc > 0.15") == ["b"]
    assert names(datasets=[{"dataset_name": "on a"}]) == ["a"]
    assert names(filter="metrics.acc > 0.15", datasets=[{"dataset_name": "on a"}]) == []


def test_registering_a_logged_model_notes_the_version_on_it(mlflow, model):
    mlflow.ok("registered-models/create", name="m")
    source = {"source": f"models:/{model['model_id']}", "model_id": model["model_id"]}
    for _ in range(2):
        mlflow.ok("model-versions/create", name="m", **source)

    tags = mlflow.get(f"logged-models/{model['model_id']}").body["model"]["info"][
        "tags"
    ]

    noted = next(tag for tag in tags if tag["key"] == "mlflow.modelVersions")
    assert noted["value"] == (
        '[{"name": "m", "version": 1}, {"name": "m", "version": 2}]'
    )


@pytest.mark.parametrize(
    "written", ["no json", "5", "{}", pytest.param("[" * 8000, id="deep")]
)
def test_a_version_is_registered_whatever_a_client_wrote_into_that_tag(
    mlflow, model, written
):
    mlflow.ok("registered-models/create", name="m")
    tags = [{"key": "mlflow.modelVersions", "value": written}]
    mlflow.patch(f"logged-models/{model['model_id']}/tags", tags=tags)

    source = {"source": f"models:/{model['model_id']}", "model_id": model["model_id"]}
    mlflow.ok("model-versions/create", name="m", **source)

    tag = LoggedModelTag.objects.get(key="mlflow.modelVersions")
    assert tag.value == '[{"name": "m", "version": 1}]'


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"filter": "name = 'tree'"}, "Filter string in the page token does not match"),
        (
            {"order_by": [{"field_name": "creation_time"}]},
            "Order by in the page token does not match",
        ),
        ({"experiment_ids": ["0"]}, "Experiment IDs in the page token do not match"),
    ],
)
def test_a_token_of_another_search_is_refused_in_the_words_of_the_protocol(
    mlflow, experiment, other, words
):
    for name in ("one", "two"):
        begin(mlflow, experiment, name=name)
    asked = {"experiment_ids": [experiment], "max_results": 1}
    token = mlflow.ok("logged-models/search", **asked)["next_page_token"]
    second = mlflow.ok("logged-models/search", **asked, page_token=token)

    answer = mlflow.post(
        "logged-models/search", **{**asked, "page_token": token, **other}
    )

    assert second["models"][0]["info"]["name"] == "one"
    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert words in answer.body["message"]


def test_a_version_of_a_logged_model_has_its_run_everywhere(mlflow, api, run_id, model):
    mlflow.ok("runs/log-metric", run_id=run_id, key="acc", value=0.9, timestamp=1)
    mlflow.ok("runs/log-parameter", run_id=run_id, key="depth", value="3")
    mlflow.ok("registered-models/create", name="churn")
    made = mlflow.ok(
        "model-versions/create",
        name="churn",
        source=f"models:/{model['model_id']}",
        model_id=model["model_id"],
    )["model_version"]

    found = mlflow.get("model-versions/search", filter=f"run_id = '{run_id}'").body
    shown = api("viewer").get(f"{REST}/models/churn/1").json()
    listed = api("viewer").get(f"{REST}/models", {"run_id": run_id}).json()

    assert made["run_id"] == run_id
    assert found["model_versions"] == [made]
    assert shown["run_id"] == run_id
    assert shown["experiment_name"] == "study"
    assert shown["hyperparameters"] == {"depth": "3"}
    assert [one["metric_name"] for one in shown["metrics"]] == ["acc"]
    assert [one["version"] for one in listed] == ["1"]


@pytest.fixture
def registered(mlflow, experiment, model):
    """Register a model with a file; return its address."""
    address = f"logged-models/{model['model_id']}"
    mlflow.put(f"{experiment}/models/{model['model_id']}/artifacts/a.onnx", b"onnx")
    mlflow.ok("registered-models/create", name="churn")
    mlflow.ok(
        "model-versions/create", name="churn", source=f"models:/{model['model_id']}"
    )
    return address


def test_a_model_on_which_a_version_stands_is_not_deleted(mlflow, registered):
    refused = mlflow.delete(registered)
    mlflow.delete("model-versions/delete", name="churn", version="1")
    allowed = mlflow.delete(registered)

    assert (refused.status, refused.code) == (400, "BAD_REQUEST")
    assert "stands on this logged model" in refused.message
    assert allowed.status == 200


def test_a_model_whose_file_a_version_of_the_run_serves_is_not_deleted(
    mlflow, experiment, run_id, model
):
    mlflow.put(f"{experiment}/models/{model['model_id']}/artifacts/a.onnx", b"onnx")
    mlflow.ok("registered-models/create", name="churn")
    mlflow.ok("model-versions/create", name="churn", source=f"runs:/{run_id}/")

    assert mlflow.delete(f"logged-models/{model['model_id']}").code == "BAD_REQUEST"


def test_files_of_a_deleted_model_are_read_but_not_changed(mlflow, experiment, model):
    place = f"{experiment}/models/{model['model_id']}/artifacts"
    mlflow.put(f"{place}/a.txt", b"a")
    mlflow.delete(f"logged-models/{model['model_id']}")

    answers = {
        "read": mlflow.file("GET", f"{place}/a.txt"),
        "add": mlflow.put(f"{place}/b.txt", b"b"),
        "delete": mlflow.file("DELETE", f"{place}/a.txt"),
    }

    statuses = {name: answer.status for name, answer in answers.items()}
    assert statuses == {"read": 200, "add": 404, "delete": 404}


def test_a_deleted_experiment_takes_no_files(mlflow, experiment, run_id, model):
    mlflow.ok("experiments/delete", experiment_id=experiment)

    for owner in (run_id, f"models/{model['model_id']}"):
        answer = mlflow.put(f"{experiment}/{owner}/artifacts/late.txt", b"late")
        assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    "source", ["models:/{0}", "mlflow-artifacts:/{1}/models/{0}/artifacts"]
)
def test_a_deleted_model_is_not_registered(mlflow, experiment, model, source):
    mlflow.ok("registered-models/create", name="churn")
    mlflow.delete(f"logged-models/{model['model_id']}")
    named = source.format(model["model_id"], f"{experiment}")

    answer = mlflow.post("model-versions/create", name="churn", source=named)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_a_copied_version_has_the_run_of_its_original(mlflow, run_id, model):
    for name in ("churn", "copy"):
        mlflow.ok("registered-models/create", name=name)
    source = f"models:/{model['model_id']}"
    mlflow.ok("model-versions/create", name="churn", source=source)

    copy = mlflow.ok("model-versions/create", name="copy", source="models:/churn/1")

    assert copy["model_version"]["run_id"] == run_id


def test_a_run_that_is_named_counts_more_than_that_of_the_logged_model(
    mlflow, experiment, model
):
    other = mlflow.ok("runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    mlflow.ok("registered-models/create", name="churn")

    made = mlflow.ok(
        "model-versions/create",
        name="churn",
        source=f"models:/{model['model_id']}",
        run_id=other,
    )

    assert made["model_version"]["run_id"] == other


def test_a_version_has_the_label_of_a_run_that_is_elsewhere(mlflow, experiment):
    model = begin(mlflow, experiment, source_run_id="elsewhere")
    mlflow.ok("registered-models/create", name="churn")

    made = mlflow.ok(
        "model-versions/create", name="churn", source=f"models:/{model['model_id']}"
    )

    assert made["model_version"]["run_id"] == "elsewhere"
    assert mlflow.get("model-versions/get", name="churn", version="1").body == made
