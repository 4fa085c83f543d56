"""What the pages of the React frontend ran into, each as a request that now works."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from datasets.models.binding_target import BindingTarget
from lifecycle.models.metric import NewPoint
from mlops.core.models import User
from mlops.core.schema.walk import dictionaries, operations
from tests.contract.shapes import SHAPES
from tests.datasets.factories import FeatureFactory
from tests.deployments.factories import (
    DeploymentFactory,
    VersionFactory,
    count,
)
from tests.lifecycle.factories import ExperimentFactory, RunFactory

pytestmark = pytest.mark.django_db

API = "/api/v1"
LIFECYCLE, FEATURES = f"{API}/ml/lifecycle", f"{API}/features"
EXPERIMENTS, DEPLOYMENTS = f"{LIFECYCLE}/experiments", f"{LIFECYCLE}/deployments"
PAGE = "http://localhost:3000"
PASSWORD = "correct horse battery"


def preflight(path, method, *names):
    return APIClient().options(
        path,
        HTTP_ORIGIN=PAGE,
        HTTP_ACCESS_CONTROL_REQUEST_METHOD=method,
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS=",".join(names),
    )


def allowed_headers(answer):
    return answer["Access-Control-Allow-Headers"].split(", ")


# Signing in and out -------------------------------------------------------------------
def test_form_that_takes_addresses_only_signs_in():
    User.objects.create_user("dana", "dana@example.org", PASSWORD)
    form = f"username=Dana%40Example.org&password={PASSWORD.replace(' ', '+')}"

    answer = APIClient().post(
        f"{API}/auth/login", form, content_type="application/x-www-form-urlencoded"
    )

    assert answer.status_code == 200
    assert answer.json()["user_info"]["username"] == "dana"


def test_sign_out_without_a_token_is_204_and_deletes_the_cookies():
    answer = APIClient().post(f"{API}/auth/logout")

    assert answer.status_code == 204
    assert {cookie["max-age"] for cookie in answer.cookies.values()} == {0}
    assert {"access_token", "refresh_token"} <= set(answer.cookies)


# Figures of experiments and deployments -----------------------------------------------
def test_experiment_by_the_id_of_a_run_has_that_runs_figures(api):
    run = RunFactory(started_ms=1000)
    run.log(metrics=[NewPoint("accuracy", 0.5025)])
    newer = RunFactory(experiment=run.experiment, started_ms=9000)
    newer.log(metrics=[NewPoint("accuracy", 0.5181)])

    found = api().get(f"{EXPERIMENTS}/{run.uid}").json()

    assert found["metrics"]["accuracy"] == found["metadata"]["accuracy"] == 0.5025


def test_experiment_without_runs_has_empty_metrics_in_list_and_detail(api):
    experiment = ExperimentFactory()

    (listed,) = api().get(EXPERIMENTS).json()
    shown = api().get(f"{EXPERIMENTS}/{experiment.name}").json()

    assert listed["metrics"] == shown["metrics"] == {}
    for name in ("ExperimentResponse", "ExperimentDetailResponse"):
        assert "metrics" in SHAPES.document["components"]["schemas"][name]["required"]


def test_deployment_by_run_or_label_is_the_one_that_serves(api):
    version = VersionFactory(passed=True, approved=True)
    serving = DeploymentFactory(
        model_version=version, slot__environment="production", active=True
    )
    DeploymentFactory(model_version=version, slot__environment="staging")
    names = (version.run.uid, f"{version.model.name}:{version.version}")

    found = {api().get(f"{DEPLOYMENTS}/{name}").json()["id"] for name in names}

    assert found == {str(serving.pk)}


def test_deployment_without_calls_has_no_figures_to_divide(api):
    quiet, busy = DeploymentFactory(active=True), DeploymentFactory(active=True)
    count(busy, timezone.now(), request_count=4, error_count=1)

    shown = [api().get(f"{DEPLOYMENTS}/{one.pk}").json() for one in (quiet, busy)]

    assert [(one["metrics"] or {}).get("request_count") for one in shown] == [None, 4]
    assert [one["error_rate"] for one in shown] == [0, 0.25]


# Pages at another origin --------------------------------------------------------------
def test_page_elsewhere_may_go_on_with_a_stream(api):
    deployment = DeploymentFactory(active=True)

    asked = preflight(
        f"{DEPLOYMENTS}/{deployment.pk}/stream", "GET", "authorization", "last-event-id"
    )

    assert asked["Access-Control-Allow-Origin"] == PAGE
    assert {"authorization", "last-event-id"} <= set(allowed_headers(asked))


def test_page_elsewhere_may_send_a_chunk_of_an_upload():
    asked = preflight(
        f"{FEATURES}/uploads/x", "PATCH", "authorization", "upload-offset"
    )

    assert {"authorization", "upload-offset"} <= set(allowed_headers(asked))
    assert "PATCH" in asked["Access-Control-Allow-Methods"]


def test_page_elsewhere_may_read_the_name_of_an_export(api, make_dataset):
    dataset = make_dataset()

    answer = api().get(f"{FEATURES}/datasets/{dataset.pk}/export", HTTP_ORIGIN=PAGE)

    b"".join(answer.streaming_content)
    exposed = answer["Access-Control-Expose-Headers"].split(", ")
    assert "filename=" in answer["Content-Disposition"]
    assert {"Content-Disposition", "X-Total-Count", "ETag", "Location"} <= set(exposed)


# What generators make of the document -------------------------------------------------
def test_no_parameter_has_words_and_a_length():
    assert not [
        part
        for part in dictionaries(SHAPES.document)
        if "enum" in part and {"minLength", "maxLength"} & set(part)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "X-Total-Count",
        "ETag",
        "Location",
        "Idempotency-Replayed",
        "Retry-After",
        "Link",
    ],
)
def test_headers_of_answers_are_in_the_document(name):
    shared = SHAPES.document["components"]["responses"]
    answers = [*shared.values()]
    for _path, _method, operation in operations(SHAPES.document):
        answers += operation["responses"].values()

    assert name in SHAPES.document["components"]["headers"]
    assert any(name in answer.get("headers", {}) for answer in answers)


def test_list_says_itself_that_it_has_ended(api):
    for _ in range(3):
        ExperimentFactory()

    pages = [api().get(f"{EXPERIMENTS}?limit=2&page={page}") for page in (1, 2)]

    assert [page["X-Total-Count"] for page in pages] == ["3", "3"]
    assert ['rel="next"' in page["Link"] for page in pages] == [True, False]


def test_document_names_servers_codes_and_what_a_stream_sends():
    document = SHAPES.document
    stream = document["paths"][f"{DEPLOYMENTS}/{{deployment_id}}/stream"]["get"]

    assert document["servers"][0]["url"] == "/"
    assert "not_approved" in document["components"]["schemas"]["ErrorCode"]["enum"]
    assert {"deployment", "event", "log", "end"} <= set(stream["x-events"])


# What is at fault ---------------------------------------------------------------------
def test_invalid_query_parameter_is_at_fault_in_the_query(api):
    feature = FeatureFactory()
    address = f"{FEATURES}/{feature.feature_name}/rollback"

    current = api().post(f"{address}?target_version={feature.current_version}")
    unknown = api().post(f"{address}?target_version=9.9.9")

    for answer, status in ((current, 409), (unknown, 404)):
        assert answer.status_code == status
        assert [one["loc"] for one in answer.json()["errors"]] == [
            ["query", "target_version"]
        ]


# Features and their figures -----------------------------------------------------------
def test_bins_are_labelled_briefly_and_bounded_exactly(api, make_dataset):
    rows = "".join(f"{number / 7}\n" for number in range(100))
    make_dataset("prices", f"price\n{rows}")
    FeatureFactory(feature_name="price", binding=BindingTarget("prices", "price"))

    shown = api().get(f"{FEATURES}/price").json()["statistics"]["distribution"]

    assert len(shown) == 20
    assert (shown[0]["low"], shown[-1]["high"]) == (0, 99 / 7)
    for one in shown:
        assert one["low"] < one["value"] < one["high"]
        assert len(re.sub(r"\D", "", repr(one["value"])).lstrip("0")) <= 4


def test_bins_closer_than_four_digits_have_labels_that_lie_in_them(api, make_dataset):
    rows = "".join(f"{1_000_000 + number / 100}\n" for number in range(100))
    make_dataset("prices", f"price\n{rows}")
    FeatureFactory(feature_name="price", binding=BindingTarget("prices", "price"))

    shown = api().get(f"{FEATURES}/price").json()["statistics"]["distribution"]

    assert all(one["low"] < one["value"] < one["high"] for one in shown)


def test_feature_has_the_names_that_models_and_experiments_have(api, person):
    feature = FeatureFactory(by=person("data scientist"))

    shown = api().get(f"{FEATURES}/{feature.feature_name}").json()

    assert shown["name"] == shown["feature_name"] == feature.feature_name
    assert shown["type"] == shown["feature_type"]
    assert shown["version"] == shown["current_version"]
    assert shown["created_by"] == shown["owner"] == "data-scientist"


def test_file_that_a_page_uploads_is_a_dataset_it_can_draw(api, data_dir):
    file = SimpleUploadedFile("a.csv", b"a,b\n1,2\n2,5\n3,6\n")

    made = api("data scientist").post(
        f"{FEATURES}/datasets", {"name": "a", "file": file}, format="multipart"
    )

    pairs = api().get(f"{FEATURES}/datasets/a/correlation").json()
    assert made.status_code == 201
    assert pairs["correlation_matrix"]
