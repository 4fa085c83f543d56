import pytest
from django.contrib.auth.models import Permission

from lifecycle.models import ModelVersion, NewFigure, NewPoint, RegisteredModel
from lifecycle.states import ChecklistStatus, ModelStage
from tests.lifecycle.factories import RunFactory, VersionFactory, stored

pytestmark = pytest.mark.django_db
URL = "/api/v1/ml/lifecycle/models"
PASSED = [{"name": "bias reviewed", "status": "passed"}]


def body(**more):
    return {
        "model_name": "churn",
        "version": "1.0.0",
        "run_id": RunFactory().uid,
    } | more


def test_registered_version_shows_what_was_said_and_measured(api, person):
    run = RunFactory()
    run.log(params={"depth": 3})
    stored(run, content=b"x" * 1500)

    answer = api("data scientist").post(
        URL,
        body(
            run_id=run.uid,
            metrics=[{"metric_name": "accuracy", "value": 0.9, "dataset": "test"}],
            approval_checklist=PASSED,
            description="first",
            tags=["a", "b=c"],
            size_mb=999,
        ),
    )

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{URL}/churn/1.0.0"
    detail = api().get(f"{URL}/churn/1.0.0").json()
    assert detail["created_by"] == person("data scientist").username
    assert detail["accuracy"] == 0.9
    assert detail["size_mb"] == 0.0015
    assert detail["framework"] == "onnx"
    assert detail["artifact_path"] == "model.onnx"
    assert detail["hyperparameters"] == {"depth": 3}
    assert detail["experiment_name"] == run.experiment.name
    assert detail["deployment_count"] == 0
    assert detail["approval_checklist"][0]["completed_at"] is not None
    assert (detail["approved_by"], detail["rollback_notes"]) == (None, None)


def test_what_is_unknown_is_absent(api):
    api().post(URL, body())

    detail = api().get(f"{URL}/churn/1.0.0").json()

    for name in (
        "framework",
        "hyperparameters",
        "size_mb",
        "artifact_path",
        "accuracy",
    ):
        assert name not in detail
    assert "active_deployment_id" not in detail


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [
        ({"run_id": "nothing"}, 404, "not_found"),
        ({"version": "compare"}, 422, "invalid"),
        ({"version": "1/2"}, 422, "invalid"),
        ({"model_name": "a:b"}, 422, "invalid"),
        ({"model_name": ""}, 422, "invalid"),
        ({"stage": "production"}, 409, "not_approved"),
        ({"stage": "staging", "approval_checklist": [{"name": "x"}]}, 409, None),
        ({"stage": "best"}, 422, "invalid"),
        ({"artifact_path": "/etc/passwd"}, 422, "local_uri"),
        ({"artifact_path": "file:///etc/passwd"}, 422, "local_uri"),
        ({"artifact_path": "..\\x"}, 422, "local_uri"),
        ({"metrics": [{"metric_name": "a", "value": "high"}]}, 422, "invalid"),
        ({"approval_checklist": [{"name": "x"}, {"name": "x"}]}, 422, "invalid"),
        ({"approval_checklist": [{"name": "x", "status": "ok"}]}, 422, "invalid"),
        ({"tags": [1]}, 422, "invalid"),
        ({"approved_by": "me"}, 422, "invalid"),
    ],
)
def test_bad_version_is_refused_and_nothing_is_kept(api, more, status, code):
    answer = api().post(URL, body(**more))

    assert answer.status_code == status
    assert answer.json()["code"] == (code or "checklist_not_passed")
    assert answer.json()["errors"]
    assert not RegisteredModel.objects.exists()


def test_version_that_exists_is_a_conflict(api):
    api().post(URL, body())

    assert api().post(URL, body()).status_code == 409
    assert ModelVersion.objects.count() == 1


def test_version_is_found_by_every_form_of_its_name(api):
    shown = api().post(URL, body()).json()

    for text in (shown["id"], "churn:1.0.0", "churn/1.0.0", "churn%2F1.0.0", "churn:1"):
        assert api().get(f"{URL}/{text}").json()["id"] == shown["id"]


@pytest.mark.parametrize("text", ["churn", "churn:2", "churn/2", "9" * 40, "a:b:c"])
def test_unknown_version_is_not_found(api, text):
    api().post(URL, body())

    assert api().get(f"{URL}/{text}").status_code == 404


def test_caller_approves_whatever_name_the_body_has(api, person):
    api("data scientist").post(URL, body(approval_checklist=PASSED))

    answer = api("approver").patch(
        f"{URL}/churn/1.0.0", {"approved_by": "the boss", "approval_notes": "fine"}
    )

    assert answer.status_code == 200
    assert answer.json()["approved_by"] == person("approver").username
    assert api().get(f"{URL}/churn/1.0.0").json()["approval_notes"] == "fine"


def test_author_with_the_permission_cannot_approve(api):
    api("admin").post(URL, body(approval_checklist=PASSED))

    answer = api("admin").patch(f"{URL}/churn/1.0.0", {"approved_by": "x"})

    assert (answer.status_code, answer.json()["code"]) == (409, "own_approval")


def test_who_may_not_promote_registers_as_experimental_only(api, person):
    author = person("nobody")
    author.user_permissions.add(Permission.objects.get(codename="add_modelversion"))

    promoted = api(author).post(URL, body(stage="staging"))
    plain = api(author).post(URL, body(stage="experimental"))

    assert (promoted.status_code, plain.status_code) == (403, 201)


@pytest.mark.parametrize(
    ("role", "change", "status"),
    [
        ("viewer", {"checklist": PASSED}, 403),
        ("viewer", {"stage": "staging"}, 403),
        ("viewer", {"approved_by": "x"}, 403),
        ("viewer", {}, 403),
        ("data scientist", {"checklist": PASSED}, 200),
        ("data scientist", {"stage": "staging"}, 200),
        ("data scientist", {"approved_by": "x"}, 403),
        ("data scientist", {"checklist": PASSED, "approved_by": "x"}, 403),
        ("deployer", {"stage": "staging"}, 403),
        ("approver", {"approved_by": "x"}, 200),
        ("approver", {"approved_by": "x", "stage": "production"}, 200),
        ("anonymous", {"stage": "staging"}, 401),
        ("nobody", {"stage": "staging"}, 403),
    ],
)
def test_each_part_of_an_update_needs_its_permission(api, role, change, status):
    version = VersionFactory(passed=True)

    answer = api(role).patch(f"{URL}/{version.model}/{version.version}", change)

    assert answer.status_code == status


def test_update_that_is_refused_in_part_changes_nothing(api):
    version = VersionFactory()

    answer = api("data scientist").patch(
        f"{URL}/{version.model}/1", {"checklist": PASSED, "stage": "production"}
    )

    assert (answer.status_code, answer.json()["code"]) == (409, "not_approved")
    assert version.checklist.get().status == ChecklistStatus.PENDING


def test_changed_checklist_voids_the_approval(api):
    version = VersionFactory(passed=True, approved=True)

    answer = api().patch(
        f"{URL}/{version.model}/1",
        {"checklist": [{"name": "bias reviewed", "status": "failed", "note": "no"}]},
    )

    assert answer.json()["approved_by"] is None
    assert answer.json()["approval_checklist"][0] == {
        "name": "bias reviewed",
        "status": "failed",
        "note": "no",
        "completed_at": None,
    }


def test_leaving_production_says_why(api):
    version = VersionFactory(passed=True, approved=True, stage=ModelStage.PRODUCTION)

    answer = api().patch(
        f"{URL}/{version.model}/1", {"stage": "archived", "reason": "drifted"}
    )

    assert answer.json()["rollback_notes"] == "drifted"
    history = api().get(f"{URL}/{version.model}/1").json()["stage_history"]
    assert history[0]["to_stage"] == "archived"
    assert history[0]["reason"] == "drifted"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["b", "a"]),
        ("model_name=a", ["a"]),
        ("model_name=nothing", []),
        ("stage=staging", ["b"]),
        ("experiment_name=first", ["a"]),
        ("tags=hot", ["a"]),
        ("search=deep", ["b"]),
        ("sort_by=model_name&sort_order=asc", ["a", "b"]),
        ("sort_by=accuracy&sort_order=desc", ["a", "b"]),
        ("date_from=2999-01-01", []),
    ],
)
def test_list_is_filtered_and_sorted(api, query, expected):
    VersionFactory(
        model="a",
        run=RunFactory(experiment__name="first"),
        tags={"hot": ""},
        metrics=[NewFigure("accuracy", 0.9)],
    )
    VersionFactory(model="b", stage=ModelStage.STAGING, description="a deep net")

    answer = api().get(f"{URL}?{query}")

    assert [row["model_name"] for row in answer.json()] == expected
    assert answer.headers["X-Total-Count"] == str(len(expected))


@pytest.mark.parametrize("query", ["stage=best", "sort_by=notes", "modelname=x"])
def test_bad_query_is_refused(api, query):
    assert api().get(f"{URL}?{query}").status_code == 400


def test_versions_are_compared_metric_by_metric(api):
    for version, accuracy in (("1", 0.8), ("2", 0.9)):
        metrics = [
            NewFigure("accuracy", accuracy),
            NewFigure("accuracy", accuracy / 2, "test"),
        ]
        if version == "2":
            metrics.append(NewFigure("auc", 0.7))
        ModelVersion.register("churn", by=None, version=version, metrics=metrics)

    answer = api("viewer").post(f"{URL}/churn/compare", {"versions": ["1", "2", "1"]})

    assert answer.status_code == 200
    assert answer.json() == {
        "model_name": "churn",
        "comparisons": [
            {"metric_name": "accuracy", "values": {"1": 0.8, "2": 0.9}},
            {
                "metric_name": "accuracy",
                "dataset": "test",
                "values": {"1": 0.4, "2": 0.45},
            },
            {"metric_name": "auc", "values": {"2": 0.7}},
        ],
    }


@pytest.mark.parametrize(
    ("url", "versions", "status"),
    [
        ("churn", ["1", "9"], 404),
        ("nothing", ["1"], 404),
        ("churn", [], 422),
        ("churn", "1", 422),
        ("churn", [1], 422),
    ],
)
def test_bad_comparison_is_refused(api, url, versions, status):
    ModelVersion.register("churn", by=None)

    answer = api().post(f"{URL}/{url}/compare", {"versions": versions})

    assert answer.status_code == status


def test_drift_of_a_version_is_recorded_and_listed(api):
    ModelVersion.register("churn", by=None)
    event = {
        "model_name": "churn",
        "version": "1",
        "severity": "critical",
        "metric_name": "psi",
        "metric_value": 0.4,
    }

    answer = api("data scientist").post("/api/v1/ml/lifecycle/drift-events", event)

    assert answer.status_code == 200
    assert answer.json()["threshold"] is None
    url = "/api/v1/ml/lifecycle/drift-events?severity=critical&model_name=churn"
    assert api().get(url).json() == [answer.json()]


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"model_name": "other"}, 404),
        ({"version": "9"}, 404),
        ({"severity": "awful"}, 422),
        ({"metric_value": "0.4"}, 422),
        ({"metric_value": None}, 422),
        ({"detected_at": "2020-01-01"}, 422),
    ],
)
def test_bad_drift_event_is_refused(api, more, status):
    version = ModelVersion.register("churn", by=None)
    event = {
        "model_name": "churn",
        "version": "1",
        "severity": "low",
        "metric_name": "psi",
        "metric_value": 0.4,
    }

    answer = api().post("/api/v1/ml/lifecycle/drift-events", event | more)

    assert answer.status_code == status
    assert not version.drift_events.exists()


def test_metrics_left_out_are_those_of_the_run(api):
    run = RunFactory()
    run.log(metrics=[NewPoint("f1", 0.5)])

    shown = api().post(URL, body(run_id=run.uid)).json()

    assert shown["metrics"] == [{"metric_name": "f1", "value": 0.5, "dataset": None}]
