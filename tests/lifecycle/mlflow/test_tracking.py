"""Experiments, runs and what they log, as MLflow's client asks for them."""

import json

import pytest

from datasets.models import Dataset, DatasetVersion
from lifecycle.models import Experiment, MetricPoint, Run
from mlops.core.models import AuditEntry

pytestmark = pytest.mark.django_db


def point(key="loss", value=0.5, step=0, timestamp=1):
    return {"key": key, "value": value, "timestamp": timestamp, "step": step}


def data_of(mlflow, run_id):
    data = mlflow.get("runs/get", run_id=run_id).body["run"]["data"]
    return {
        kind: {item["key"]: item["value"] for item in items}
        for kind, items in data.items()
    }


def test_the_default_experiment_is_there_from_the_first_request(mlflow):
    shown = mlflow.get("experiments/get", experiment_id="0").body["experiment"]

    assert (shown["experiment_id"], shown["name"]) == ("0", "Default")


def test_an_unknown_experiment_is_told_in_the_words_the_client_branches_on(mlflow):
    answer = mlflow.get("experiments/get-by-name", experiment_name="none")

    assert (answer.status, answer.code) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_the_default_experiment_can_be_deleted_before_anybody_asked_for_it(mlflow):
    mlflow.ok("experiments/delete", experiment_id="0")

    shown = mlflow.get("experiments/get", experiment_id="0").body["experiment"]
    assert shown["lifecycle_stage"] == "deleted"


def test_nobody_has_a_negative_experiment_id(mlflow):
    answer = mlflow.get("experiments/get", experiment_id="-1337")

    assert (answer.status, answer.code) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert answer.message == "No Experiment with id=-1337 exists"


def test_a_get_without_a_query_has_its_parameters_in_the_body(mlflow, run_id):
    address = "/api/2.0/mlflow/runs/get"
    body = json.dumps({"run_id": run_id}).encode()

    by_body = mlflow.send("GET", address, body)
    by_query = mlflow.send("GET", address, b'{"run_id": "x"}', query={"run_id": run_id})
    broken = mlflow.send("GET", address, b"{")

    assert by_body.body["run"]["info"]["run_id"] == run_id
    assert by_query.body == by_body.body
    assert (broken.status, broken.code) == (400, "BAD_REQUEST")


def test_a_name_is_taken_also_by_a_deleted_experiment(mlflow, experiment):
    mlflow.ok("experiments/delete", experiment_id=experiment)

    answer = mlflow.post("experiments/create", name="study")

    assert (answer.status, answer.code) == (400, "RESOURCE_ALREADY_EXISTS")


def test_a_deleted_experiment_hides_its_runs_until_it_is_restored(
    mlflow, experiment, run_id
):
    mlflow.ok("experiments/delete", experiment_id=experiment)
    stage = mlflow.get("runs/get", run_id=run_id).body["run"]["info"]["lifecycle_stage"]
    refused = mlflow.post("runs/log-metric", run_id=run_id, **point())
    mlflow.ok("experiments/restore", experiment_id=experiment)
    allowed = mlflow.post("runs/log-metric", run_id=run_id, **point())

    assert stage == "deleted"
    assert (refused.status, refused.code) == (400, "INVALID_PARAMETER_VALUE")
    assert allowed.status == 200


def test_slashes_are_legal_in_experiment_names_here(mlflow):
    made = mlflow.ok("experiments/create", name="team/vision 한글")

    assert Experiment.objects.get(pk=made["experiment_id"]).name == "team/vision 한글"


def test_a_run_shows_what_the_client_sent_and_the_caller_owns_it(mlflow, experiment):
    made = mlflow.ok(
        "runs/create",
        experiment_id=experiment,
        user_id="somebody else",
        run_name="mine",
        start_time=1234,
        tags=[{"key": "mlflow.source.name", "value": "train.py"}],
    )["run"]

    assert made["info"]["user_id"] == "somebody else"
    assert made["info"]["run_id"] == made["info"]["run_uuid"]
    assert made["info"]["artifact_uri"].startswith(f"mlflow-artifacts:/{experiment}/")
    run = Run.objects.get(uid=made["info"]["run_id"])
    assert (run.created_by.username, run.started_ms) == ("data-scientist", 1234)


def test_a_new_run_leaves_an_audit_entry(mlflow, run_id):
    entry = AuditEntry.objects.get(action="start")

    assert entry.actor.username == "data-scientist"
    assert entry.object_id == str(Run.objects.get(uid=run_id).pk)


def test_the_run_name_and_its_tag_must_not_differ(mlflow, experiment):
    tags = [{"key": "mlflow.runName", "value": "b"}]

    answer = mlflow.post(
        "runs/create", experiment_id=experiment, run_name="a", tags=tags
    )

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert not Run.objects.exists()


def test_a_finished_run_may_be_resumed_and_written_to(mlflow, run_id):
    mlflow.ok("runs/update", run_id=run_id, status="FINISHED", end_time=99)
    mlflow.ok("runs/log-metric", run_id=run_id, **point())
    info = mlflow.ok("runs/update", run_id=run_id, status="RUNNING")["run_info"]

    assert info["status"] == "RUNNING"
    assert data_of(mlflow, run_id)["metrics"] == {"loss": 0.5}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", 1e308, -0.5])
def test_every_float_comes_back_as_it_was(mlflow, run_id, value):
    mlflow.ok("runs/log-metric", run_id=run_id, **point(value=value))

    history = mlflow.get("metrics/get-history", run_id=run_id, metric_key="loss").body

    assert data_of(mlflow, run_id)["metrics"]["loss"] == value
    assert history["metrics"] == [point(value=value)]


def test_the_latest_metric_is_that_of_the_largest_step_however_late_it_comes(
    mlflow, run_id
):
    for step, value in ((1, 0.1), (3, 0.3), (2, 0.2)):
        mlflow.ok("runs/log-metric", run_id=run_id, **point(value=value, step=step))

    assert data_of(mlflow, run_id)["metrics"] == {"loss": 0.3}


def test_the_same_batch_again_is_no_error_and_changes_nothing(mlflow, run_id):
    batch = {
        "run_id": run_id,
        "metrics": [point(step=step) for step in range(5)],
        "params": [{"key": "lr", "value": "0.1"}],
        "tags": [{"key": "team", "value": "a"}],
    }

    for _ in range(2):
        mlflow.ok("runs/log-batch", **batch)

    assert MetricPoint.objects.count() == 5


def test_a_batch_with_a_changed_parameter_is_undone_as_a_whole(mlflow, run_id):
    mlflow.ok("runs/log-parameter", run_id=run_id, key="lr", value="0.1")

    answer = mlflow.post(
        "runs/log-batch",
        run_id=run_id,
        metrics=[point()],
        params=[{"key": "new", "value": "1"}, {"key": "lr", "value": "0.2"}],
    )

    assert "Changing param values is not allowed" in answer.message
    assert data_of(mlflow, run_id)["params"] == {"lr": "0.1"}
    assert not MetricPoint.objects.exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"metrics": "foo"}, "Invalid value \"foo\" for parameter 'metrics' supplied"),
        (
            {"metrics": [{"key": "a", "value": 1}]},
            "Missing value for required parameter 'metrics[0].timestamp'",
        ),
        ({"metrics": [point(key="../up")]}, "Invalid value"),
        ({"metrics": [point()] * 1001}, "at most 1000 metrics. Got 1001"),
        ({"params": [{"key": "a", "value": "1"}] * 2}, "Duplicate parameter keys"),
        ({"metrics": [point(value="abc")]}, "Invalid value"),
        ({"metrics": [point(step=2**63)]}, "64 bits"),
        ({"metrics": [point(timestamp=-1)]}, "nonnegative"),
        ({"metrics": [point(key="k" * 251)]}, "maximum length of 250"),
        ({"tags": [{"key": "a\x00b", "value": "1"}]}, "NUL"),
    ],
)
def test_bad_batches_are_refused_in_known_words(mlflow, run_id, body, words):
    answer = mlflow.post("runs/log-batch", run_id=run_id, **body)

    assert answer.status == 400
    assert words in answer.message
    assert data_of(mlflow, run_id).keys() == {"tags"}


def test_a_batch_of_more_than_a_megabyte_is_refused(mlflow, run_id):
    tags = [{"key": f"k{n}", "value": "x" * 20_000} for n in range(60)]

    answer = mlflow.post("runs/log-batch", run_id=run_id, tags=tags)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_history_comes_in_pages_by_a_token_of_ours(mlflow, run_id):
    metrics = [point(step=step, timestamp=step) for step in range(10)]
    mlflow.ok("runs/log-batch", run_id=run_id, metrics=metrics)
    asked = {"run_id": run_id, "metric_key": "loss", "max_results": 4}

    first = mlflow.get("metrics/get-history", **asked).body
    token = first["next_page_token"]
    second = mlflow.get("metrics/get-history", **asked, page_token=token).body

    steps = [one["step"] for one in first["metrics"] + second["metrics"]]
    assert steps == list(range(8))


def test_no_max_results_is_all_and_zero_is_a_mistake(mlflow, run_id):
    mlflow.ok("runs/log-metric", run_id=run_id, **point())

    everything = mlflow.get("metrics/get-history", run_id=run_id, metric_key="loss")
    none = mlflow.get(
        "metrics/get-history", run_id=run_id, metric_key="loss", max_results=0
    )

    assert len(everything.body["metrics"]) == 1
    assert (none.status, none.code) == (400, "INVALID_PARAMETER_VALUE")


def test_tags_are_set_written_over_and_deleted(mlflow, run_id):
    for value in ("a", "b"):
        mlflow.ok("runs/set-tag", run_uuid=run_id, key="team", value=value)
    before = data_of(mlflow, run_id)["tags"]["team"]
    mlflow.ok("runs/delete-tag", run_id=run_id, key="team")
    again = mlflow.post("runs/delete-tag", run_id=run_id, key="team")

    assert before == "b"
    assert (again.status, again.code) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_the_note_of_mlflow_is_our_note(mlflow, run_id):
    mlflow.ok("runs/set-tag", run_id=run_id, key="mlflow.note.content", value="# Hi")

    assert Run.objects.get(uid=run_id).notes == "# Hi"
    assert data_of(mlflow, run_id)["tags"]["mlflow.note.content"] == "# Hi"


def test_a_deleted_run_takes_nothing_until_it_is_restored(mlflow, run_id):
    mlflow.ok("runs/delete", run_id=run_id)
    refused = mlflow.post("runs/set-tag", run_id=run_id, key="a", value="b")
    mlflow.ok("runs/restore", run_id=run_id)
    taken = mlflow.post("runs/set-tag", run_id=run_id, key="a", value="b")

    assert "must be in the 'active' state" in refused.message
    assert taken.status == 200


def catalogued(name, number, digest):
    """Return a version of a new dataset of the catalogue."""
    return DatasetVersion.objects.create(
        dataset=Dataset.objects.create(name=name),
        number=number,
        state="ready",
        digest=digest,
    )


def test_an_input_with_a_known_digest_links_to_the_catalogue(mlflow, run_id):
    version = catalogued("prices", 1, "ab" * 32)
    dataset = {"name": "prices", "digest": "ab" * 5, "source": "x", "source_type": "y"}

    mlflow.ok("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset}])

    link = Run.objects.get(uid=run_id).inputs.get()
    assert link.dataset.version == version


def test_of_equal_contents_the_one_of_the_same_name_is_linked(mlflow, run_id, api):
    for name in ("prices", "zebras", "copies"):
        catalogued(name, 3, "cd" * 32)
    dataset = {"name": "zebras", "digest": "cd" * 5, "source": "x", "source_type": "y"}

    mlflow.ok("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset}])

    shown = api("viewer").get(f"/api/v1/ml/lifecycle/runs/{run_id}").json()
    assert (shown["dataset_name"], shown["dataset_version"]) == ("zebras", "3")


def test_a_run_says_how_the_catalogue_calls_its_data(mlflow, run_id, api):
    catalogued("prices", 2, "ef" * 32)
    dataset = {"name": "dataset", "digest": "ef" * 5, "source": "x", "source_type": "y"}

    mlflow.ok("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset}])

    shown = api("viewer").get(f"/api/v1/ml/lifecycle/runs/{run_id}").json()
    assert (shown["dataset_name"], shown["dataset_version"]) == ("prices", "2")


def test_inputs_come_back_with_their_tags(mlflow, run_id):
    dataset = {"name": "d", "digest": "1", "source": "s", "source_type": "local"}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    for _ in range(2):
        mlflow.ok(
            "runs/log-inputs",
            run_id=run_id,
            datasets=[{"dataset": dataset, "tags": tags}],
        )

    shown = mlflow.get("runs/get", run_id=run_id).body["run"]["inputs"]

    assert shown == {"dataset_inputs": [{"dataset": dataset, "tags": tags}]}


HISTORY = "mlflow.log-model.history"
MODEL_JSON = (
    '{"artifact_path": "m", "flavors": {}, "utc_time_created": "now", "run_id": "r"}'
)


def test_each_model_of_an_old_client_joins_the_history_in_a_tag_of_the_run(
    mlflow, run_id
):
    for _ in range(2):
        mlflow.ok("runs/log-model", run_id=run_id, model_json=MODEL_JSON)

    assert len(json.loads(data_of(mlflow, run_id)["tags"][HISTORY])) == 2


@pytest.mark.parametrize("written", ["no json", "5", "{}"])
def test_a_history_that_a_client_overwrote_is_no_error_of_ours(mlflow, run_id, written):
    mlflow.ok("runs/set-tag", run_id=run_id, key=HISTORY, value=written)

    answer = mlflow.post("runs/log-model", run_id=run_id, model_json=MODEL_JSON)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert HISTORY in answer.message
