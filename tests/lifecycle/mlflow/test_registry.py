"""Registered models, versions, stages and aliases on the MLflow API."""

import pytest

from lifecycle.models import AliasChange, ModelVersion, StageChange
from lifecycle.models.metric import NewPoint
from mlops.core.models import AuditEntry
from tests.deployments.factories import served
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db
NAME = "iris model"


@pytest.fixture
def model(mlflow):
    mlflow.ok("registered-models/create", name=NAME)
    return NAME


def register(mlflow, run_id, name=NAME, **fields):
    made = mlflow.ok(
        "model-versions/create",
        name=name,
        source=f"runs:/{run_id}/model",
        run_id=run_id,
        **fields,
    )
    return made["model_version"]


def move(mlflow, version, stage, **fields):
    return mlflow.post(
        "model-versions/transition-stage",
        name=NAME,
        version=version,
        stage=stage,
        **fields,
    )


def test_a_version_is_numbered_and_shows_its_source(mlflow, model, run_id):
    first, second = (register(mlflow, run_id) for _ in range(2))

    assert (first["version"], second["version"]) == ("1", "2")
    assert first["source"] == f"runs:/{run_id}/model"
    assert (first["run_id"], first["current_stage"]) == (run_id, "None")
    shown = mlflow.get("model-versions/get", name=NAME, version="1").body
    assert shown["model_version"] == first


def test_the_protocol_registers_the_rows_that_the_verb_registers(
    mlflow, model, run_id, person
):
    run = RunFactory(uid=f"twin-of-{run_id}")
    tags = [{"key": "team", "value": "a"}]
    for uid in (run.uid, run_id):
        mlflow.ok(
            "runs/log-batch",
            run_id=uid,
            metrics=[
                {"key": "loss", "value": 0.5, "timestamp": 1},
                {"key": "nan", "value": "NaN", "timestamp": 1},
            ],
        )
    run.write(metrics=[NewPoint("loss", 0.7, 0, 1, "test")])

    register(mlflow, run.uid, description="d", tags=tags)
    by_verb = ModelVersion.register(
        NAME,
        by=person("data scientist"),
        run=run,
        artifact_path="model",
        source=f"runs:/{run.uid}/model",
        description="d",
        tags={"team": "a"},
    )

    by_door = ModelVersion.objects.get(model__name=NAME, number=1)
    own = {"id", "number", "version", "created_at", "updated_at"}
    fields = {f.attname for f in ModelVersion._meta.concrete_fields} - own
    by_verb.refresh_from_db()
    assert {f: getattr(by_door, f) for f in fields} == {
        f: getattr(by_verb, f) for f in fields
    }
    for rows in ("metrics", "tags", "checklist"):
        listed = [
            list(getattr(version, rows).values_list(*_columns(rows)))
            for version in (by_door, by_verb)
        ]
        assert listed[0] == listed[1]
    entries = AuditEntry.objects.filter(action="register").order_by("pk")
    assert [entry.changes for entry in entries] == [{"number": 1}, {"number": 2}]


def _columns(rows):
    return {
        "metrics": ("name", "value", "dataset"),
        "tags": ("key", "value"),
        "checklist": ("name", "status"),
    }[rows]


def test_a_label_that_a_person_gave_is_no_number_of_the_protocol(
    mlflow, model, run_id, person
):
    ModelVersion.register(NAME, by=person("admin"), version="2")

    made = register(mlflow, run_id)

    assert made["version"] == "3"


def test_production_needs_an_approval_by_the_protocol_too(
    mlflow, mlflow_as, model, run_id, person
):
    register(mlflow, run_id)

    refused = move(mlflow, "1", "Production")
    ModelVersion.objects.get(number=1).approve(by=person("approver"))
    allowed = move(mlflow_as("approver"), "1", "production")

    assert (refused.status, refused.code) == (400, "BAD_REQUEST")
    assert "approved" in refused.message
    assert allowed.body["model_version"]["current_stage"] == "Production"
    change = StageChange.objects.get()
    assert (change.to_stage, change.changed_by.username) == ("production", "approver")


def test_archiving_the_others_is_recorded_as_well(mlflow, model, run_id):
    for _ in range(2):
        register(mlflow, run_id)
    move(mlflow, "1", "Staging")
    move(mlflow, "2", "Staging", archive_existing_versions=True)

    shown = mlflow.get("model-versions/get", name=NAME, version="1").body

    assert shown["model_version"]["current_stage"] == "Archived"
    assert StageChange.objects.count() == 3


def test_an_unknown_stage_is_refused(mlflow, model, run_id):
    register(mlflow, run_id)

    assert "Invalid Model Version stage" in move(mlflow, "1", "Better").message


def test_latest_versions_are_the_newest_of_each_stage(mlflow, model, run_id):
    for _ in range(3):
        register(mlflow, run_id)
    move(mlflow, "1", "Staging")

    listed = mlflow.ok("registered-models/get-latest-versions", name=NAME)
    staged = mlflow.get(
        "registered-models/get-latest-versions", name=NAME, stages="Staging"
    ).body

    assert [v["version"] for v in listed["model_versions"]] == ["1", "3"]
    assert [v["version"] for v in staged["model_versions"]] == ["1"]


def test_an_alias_moves_and_leaves_its_history(mlflow, model, run_id):
    for number in ("1", "2"):
        register(mlflow, run_id)
        mlflow.ok(
            "registered-models/alias", name=NAME, alias="champion", version=number
        )

    found = mlflow.get("registered-models/alias", name=NAME, alias="champion").body
    gone = mlflow.delete("registered-models/alias", name=NAME, alias="champion")

    assert found["model_version"]["version"] == "2"
    assert found["model_version"]["aliases"] == ["champion"]
    assert gone.status == 200
    moves = AliasChange.objects.order_by("pk").values_list("from_number", "to_number")
    assert list(moves) == [(None, 1), (1, 2), (2, None)]


@pytest.mark.parametrize("alias", ["latest", "LATEST", "v1", "a b", "a/b", "x" * 256])
def test_reserved_and_odd_aliases_are_refused(mlflow, model, run_id, alias):
    register(mlflow, run_id)

    answer = mlflow.post("registered-models/alias", name=NAME, alias=alias, version="1")

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    "name", ["a/b", "a:1", "..", "  ", "evil\u202etxt", "a\x07", "x" * 257]
)
def test_names_that_could_be_taken_for_others_are_refused(mlflow, name):
    answer = mlflow.post("registered-models/create", name=name)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")


def test_twins_in_another_normal_form_are_one_model(mlflow):
    mlflow.ok("registered-models/create", name="caf\u00e9")

    answer = mlflow.post("registered-models/create", name="cafe\u0301 ")

    assert answer.code == "RESOURCE_ALREADY_EXISTS"


def test_a_percent_sign_is_only_a_percent_sign(mlflow):
    mlflow.ok("registered-models/create", name="a%20")

    assert mlflow.get("registered-models/get", name="a").status == 404


def test_prompts_are_left_out_of_a_search_that_does_not_name_them(mlflow, model):
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    mlflow.ok("registered-models/create", name="greeting", tags=tags)

    def names(text=""):
        found = mlflow.get("registered-models/search", filter=text).body
        return [one["name"] for one in found.get("registered_models", [])]

    assert names() == [NAME]
    assert names("tags.`mlflow.prompt.is_prompt` = 'true'") == ["greeting"]
    assert names("tag.`mlflow.prompt.is_prompt` != 'true'") == [NAME]


def test_versions_are_searched_by_run_name_tag_and_source(mlflow, model, run_id):
    register(mlflow, run_id, tags=[{"key": "team", "value": "a"}])
    register(mlflow, run_id)

    def numbers(text):
        found = mlflow.get("model-versions/search", filter=text).body
        return [one["version"] for one in found.get("model_versions", [])]

    assert numbers(f"run_id = '{run_id}'") == ["2", "1"]
    assert numbers(f"name = '{NAME}' and version_number > 1") == ["2"]
    assert numbers("tags.team = 'a'") == ["1"]
    assert numbers("source_path LIKE 'runs:/%'") == ["2", "1"]
    assert numbers("run_id = 'none' or name = 'none'") == []


@pytest.mark.parametrize("order", [[], ["version_number ASC"], ["name DESC"]])
def test_pages_of_versions_are_the_whole_list_in_its_order(
    mlflow, model, run_id, order
):
    for number in range(5):
        register(mlflow, run_id, tags=[{"key": f"k{number}", "value": "v"}])
    mlflow.ok("registered-models/alias", name=NAME, alias="best", version="3")
    asked = {"filter": f"name = '{NAME}'", "order_by": order}

    whole = mlflow.get("model-versions/search", **asked).body["model_versions"]
    pages, token = [], ""
    while True:
        page = mlflow.get(
            "model-versions/search", **asked, max_results=2, page_token=token
        ).body
        pages += page["model_versions"]
        if not (token := page.get("next_page_token", "")):
            break

    assert pages == whole
    for version in whole:
        number = version["version"]
        shown = mlflow.get("model-versions/get", name=NAME, version=number).body
        assert shown["model_version"] == version


def test_a_search_of_versions_sees_what_changed_since_it_was_asked(
    mlflow, model, run_id
):
    assert "model_versions" not in mlflow.get("model-versions/search").body

    register(mlflow, run_id)

    assert len(mlflow.get("model-versions/search").body["model_versions"]) == 1


def test_a_registered_version_can_be_copied_by_its_address(mlflow, model, run_id):
    register(mlflow, run_id)
    mlflow.ok("registered-models/create", name="copy")

    made = mlflow.ok("model-versions/create", name="copy", source=f"models:/{NAME}/1")

    copied = made["model_version"]
    assert (copied["run_id"], copied["source"]) == (run_id, f"models:/{NAME}/1")


def test_what_rest_registered_is_a_version_here(mlflow, api, run_id):
    made = api("data scientist").post(
        "/api/v1/ml/lifecycle/models",
        {"model_name": NAME, "version": "blue", "run_id": run_id},
    )
    assert made.status_code == 201, made.json()

    shown = mlflow.get("model-versions/get", name=NAME, version="1").body

    assert shown["model_version"]["source"] == f"runs:/{run_id}"
    assert shown["model_version"]["current_stage"] == "None"


def test_a_deployed_model_keeps_its_name_and_its_versions(
    mlflow, model, run_id, person
):
    register(mlflow, run_id)
    served(ModelVersion.objects.get(number=1), by=person("admin"))

    renamed = mlflow.post("registered-models/rename", name=NAME, new_name="other")
    deleted = mlflow.delete("model-versions/delete", name=NAME, version="1")

    assert (renamed.status, deleted.status) == (400, 400)
    assert ModelVersion.objects.filter(model__name=NAME).exists()


@pytest.mark.parametrize(
    ("clause", "found"),
    [("= 2", 1), ("= 2.0", 1), ("= 2.5", 0), ("!= 2.5", 2), ("> 1.5", 1)],
)
def test_a_fraction_is_no_version_number(mlflow, model, run_id, clause, found):
    for _ in range(2):
        register(mlflow, run_id)

    answer = mlflow.get("model-versions/search", filter=f"version_number {clause}")

    assert len(answer.body.get("model_versions", [])) == found


def test_digits_of_other_scripts_number_no_version(mlflow, model, run_id):
    register(mlflow, run_id)

    answer = mlflow.post(
        "model-versions/create", name=NAME, source=f"models:/{NAME}/\u00b2"
    )

    assert (answer.status, answer.code) == (404, "RESOURCE_DOES_NOT_EXIST")
