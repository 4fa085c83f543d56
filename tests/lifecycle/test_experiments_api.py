import pytest

from lifecycle.models import Experiment, NewPoint
from lifecycle.states import ExperimentStatus, RunStatus
from tests.lifecycle.factories import ExperimentFactory, RunFactory, stored

pytestmark = pytest.mark.django_db
URL = "/api/v1/ml/lifecycle/experiments"


def test_experiment_belongs_to_the_caller_whatever_the_body_says(api, person):
    answer = api("data scientist").post(
        URL, {"name": "momentum", "description": "d", "owner": "somebody else"}
    )

    assert answer.status_code == 201
    assert answer.json()["owner"] == person("data scientist").username
    assert answer.headers["Location"] == f"{URL}/momentum"


def test_tags_and_metadata_come_back_as_they_were(api):
    body = {
        "name": "momentum",
        "description": "",
        "tags": ["a", "team=core", "b=", "=c"],
        "metadata": {"deep": [1, {"x": None}], "n": 0.1},
    }

    api().post(URL, body)

    shown = api().get(f"{URL}/momentum").json()
    assert sorted(shown["tags"]) == sorted(body["tags"])
    assert shown["metadata"] == body["metadata"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"description": ""}, "name"),
        ({"name": "ab", "description": ""}, "name"),
        ({"name": "a/b", "description": ""}, "name"),
        ({"name": "a:b", "description": ""}, "name"),
        ({"name": "a\u202eb", "description": ""}, "name"),
        ({"name": "abc"}, "description"),
        ({"name": 123, "description": ""}, "name"),
        ({"name": "abc", "description": ["x"]}, "description"),
        ({"name": "abc", "description": "", "tags": "a"}, "tags"),
        ({"name": "abc", "description": "", "tags": ["k=1", "k=2"]}, "tags"),
        ({"name": "abc", "description": "", "metadata": []}, "metadata"),
        ({"name": "abc", "description": "", "colour": "red"}, "colour"),
        ({"name": "x" * 501, "description": ""}, "name"),
    ],
)
def test_bad_body_is_refused_with_the_fields_name(api, body, field):
    answer = api().post(URL, body)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["loc"][:2] == ["body", field]
    assert not Experiment.objects.exists()


def test_name_that_is_taken_is_a_conflict(api):
    ExperimentFactory(name="momentum")

    answer = api().post(URL, {"name": "momentum", "description": ""})

    assert answer.status_code == 409
    assert answer.json()["code"] == "already_exists"


def test_experiment_is_found_by_name_id_and_run(api):
    run = RunFactory()

    for text in (run.experiment.name, str(run.experiment.pk), run.uid):
        assert api().get(f"{URL}/{text}").json()["id"] == str(run.experiment.pk)


@pytest.mark.parametrize("text", ["nothing", "9" * 30, "0", "-1", "%00x", "a%2Fb"])
def test_unknown_experiment_is_not_found(api, text):
    assert api().get(f"{URL}/{text}").status_code in {400, 404}


def test_deleted_experiment_is_not_found(api):
    experiment = ExperimentFactory()
    experiment.delete_softly(by=None)

    assert api().get(f"{URL}/{experiment.name}").status_code == 404
    assert api().get(URL).json() == []


def test_list_shows_the_figures_of_the_newest_run(api):
    experiment = ExperimentFactory(metadata={"loss": "mine"})
    old = RunFactory(experiment=experiment, started_ms=1_000)
    old.log(metrics=[NewPoint("accuracy", 0.1)])
    new = RunFactory(experiment=experiment, started_ms=2_000)
    new.log(metrics=[NewPoint("accuracy", 0.9), NewPoint("loss", 0.2)])
    new.log(metrics=[NewPoint("auc", float("nan"))])
    new.finish(RunStatus.COMPLETED, ended_ms=14_500)

    [shown] = api().get(URL).json()

    assert shown["metrics"] == {"accuracy": 0.9, "loss": 0.2}
    assert shown["metadata"] == {"accuracy": 0.9, "loss": "mine"}
    assert shown["duration_seconds"] == 12.5
    assert Experiment.objects.get().metadata == {"loss": "mine"}


def test_what_is_unknown_is_absent(api):
    experiment = ExperimentFactory()

    shown = api().get(f"{URL}/{experiment.name}").json()

    for name in ("duration_seconds", "completed_at", "model_id", "hyperparameters"):
        assert name not in shown
    assert shown["artifacts"] == []
    assert shown["run_count"] == 0


def test_an_experiment_without_runs_has_metrics_that_are_empty(api):
    ExperimentFactory()

    [shown] = api().get(URL).json()

    assert shown["metrics"] == {}


def test_detail_is_derived_from_what_was_recorded(api):
    run = RunFactory(started_ms=1_763_888_400_000)
    run.log(metrics=[NewPoint("f1", 0.75, step=3)], params={"depth": 4, "note": "x"})
    stored(run, "out/report.txt", b"hello")
    run.finish(RunStatus.COMPLETED, ended_ms=1_763_888_402_500)

    shown = api().get(f"{URL}/{run.experiment.name}").json()

    assert shown["completed_at"] == "2025-11-23T09:00:02.500000Z"
    assert shown["hyperparameters"] == {"depth": 4, "note": "x"}
    assert shown["artifacts"][0] | {"run_id": ""} == {
        "name": "report.txt",
        "path": "out/report.txt",
        "size_bytes": 5,
        "type": "text",
        "size": 5,
        "uri": "out/report.txt",
        "artifact_type": "text",
        "run_id": "",
    }
    logs = "\n".join(shown["logs"])
    assert "metric f1 = 0.75 at step 3" in logs
    assert "artifact out/report.txt (5 bytes)" in logs
    assert f"2025-11-23T09:00:02.500000Z run {run} completed after 2.5 s" in logs
    assert shown["logs"] == sorted(shown["logs"])


@pytest.mark.parametrize("later", [0, 25])
def test_found_by_a_run_it_shows_the_figures_of_that_run(api, later):
    run = RunFactory(started_ms=1000)
    run.log(metrics=[NewPoint("accuracy", 0.5025)], params={"depth": 4})
    run.finish(RunStatus.COMPLETED, ended_ms=3500)
    for number in range(later + 1):
        newer = RunFactory(experiment=run.experiment, started_ms=9000 + number)
        newer.log(metrics=[NewPoint("accuracy", 0.5181)], params={"depth": 5})

    by_run = api().get(f"{URL}/{run.uid}").json()
    by_name = api().get(f"{URL}/{run.experiment.name}").json()

    assert by_run["metrics"] == by_run["metadata"] == {"accuracy": 0.5025}
    assert by_run["hyperparameters"] == {"depth": 4}
    assert by_run["duration_seconds"] == 2.5
    assert by_run["completed_at"] == "1970-01-01T00:00:03.500000Z"
    assert by_name["metrics"] == by_name["metadata"] == {"accuracy": 0.5181}


def test_changed_by_a_run_it_shows_the_figures_of_that_run(api):
    run = RunFactory(started_ms=1000)
    run.log(metrics=[NewPoint("accuracy", 0.25)])
    RunFactory(experiment=run.experiment, started_ms=9000)

    answer = api().patch(f"{URL}/{run.uid}", {"description": "new"})

    assert answer.json()["metrics"] == {"accuracy": 0.25}
    assert answer.json()["description"] == "new"


def test_update_replaces_what_is_given(api):
    experiment = ExperimentFactory(description="old", metadata={"a": 1})
    experiment.set_tags({"x": "", "y": "1"}, by=None)

    answer = api().patch(
        f"{URL}/{experiment.name}", {"tags": ["y=2", "z"], "description": None}
    )

    assert answer.status_code == 200
    assert sorted(answer.json()["tags"]) == ["y=2", "z"]
    assert answer.json()["description"] == "old"
    assert answer.json()["metadata"] == {"a": 1}


def test_archived_experiment_refuses_runs_until_it_is_active_again(api):
    experiment = ExperimentFactory()
    run = {"run_id": "run-00000001", "experiment_name": experiment.name}

    api().patch(f"{URL}/{experiment.name}", {"status": "archived"})
    refused = api().post("/api/v1/ml/lifecycle/runs", run)
    api().patch(f"{URL}/{experiment.name}", {"status": "active"})
    accepted = api().post("/api/v1/ml/lifecycle/runs", run)

    assert (refused.status_code, refused.json()["code"]) == (409, "experiment_archived")
    assert accepted.status_code == 201


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=active", {"a", "b"}),
        ("status=archived", {"c"}),
        ("status=running", {"a"}),
        ("status=failed", {"b"}),
        ("search=QUANT", {"b"}),
        ("tags=hot", {"a"}),
        ("tags=team=x", {"a"}),
        ("tags=hot,team=y", set()),
        ("owner=owner-a", {"a"}),
        ("date_from=2020-01-01", {"a", "b", "c"}),
        ("date_to=2020-01-01", set()),
        ("date_from=2999-01-01T00:00:00%2B09:00", set()),
    ],
)
def test_list_is_filtered(api, query, expected):
    first = ExperimentFactory(name="a", owner__username="owner-a")
    first.set_tags({"hot": "", "team": "x"}, by=None)
    RunFactory(experiment=first, status=RunStatus.SCHEDULED)
    second = ExperimentFactory(name="b", description="a quantum leap")
    RunFactory(experiment=second, status=RunStatus.COMPLETED, started_ms=1)
    RunFactory(experiment=second, status=RunStatus.FAILED)
    ExperimentFactory(name="c", status=ExperimentStatus.ARCHIVED)

    answer = api().get(f"{URL}?{query}")

    assert {row["name"] for row in answer.json()} == expected
    assert answer.headers["X-Total-Count"] == str(len(expected))


@pytest.mark.parametrize(
    "query",
    [
        "status=done",
        "sort_by=secret",
        "sort_order=up",
        "limit=0",
        "limit=x",
        "page=-1",
        "date_from=yesterday",
        "date_to=0001-01-01T00:00:00%2B09:00",
        "date_from=2020-13-01",
        "colour=red",
        "search=%00",
    ],
)
def test_bad_query_is_refused_with_the_parameters_name(api, query):
    answer = api().get(f"{URL}?{query}")

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["loc"] == ["query", query.partition("=")[0]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["c", "b", "a"]),
        ("sort_by=name&sort_order=asc", ["a", "b", "c"]),
        ("sort_by=duration&sort_order=desc", ["a", "b", "c"]),
        ("sort_by=duration&sort_order=asc", ["c", "b", "a"]),
        ("sort_by=name&sort_order=asc&limit=1&page=2", ["b"]),
        ("sort_by=name&sort_order=asc&skip=1", ["b", "c"]),
    ],
)
def test_list_is_sorted_and_paged(api, query, expected):
    for name, ended_ms in (("a", 9_000), ("b", 5_000), ("c", None)):
        experiment = ExperimentFactory(name=name)
        RunFactory(experiment=experiment, started_ms=1_000, ended_ms=ended_ms)

    answer = api().get(f"{URL}?{query}")

    assert [row["name"] for row in answer.json()] == expected
    assert answer.headers["X-Total-Count"] == "3"


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/ml/lifecycle/experiments/",
        "/api/v1/ml/lifecycle/lifecycle/experiments",
        "/api/v1/ml/lifecycle/lifecycle/experiments/",
    ],
)
def test_other_spellings_of_the_address_answer_alike(api, url):
    ExperimentFactory()

    assert api().get(url).json() == api().get(URL).json()


def test_times_no_calendar_holds_do_not_break_the_list(api):
    experiment = ExperimentFactory()
    RunFactory(experiment=experiment, started_ms=-(2**63), ended_ms=2**63 - 1)

    assert api().get(URL).status_code == 200
    assert api().get(f"{URL}/{experiment.name}").status_code == 200
    assert api().get("/api/v1/ml/lifecycle/runs").status_code == 200
