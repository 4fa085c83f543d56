"""Data that failed its quality rules backs no approval, whoever asks where."""

import pytest
from django.urls import reverse

from datasets.models import Dataset, DatasetVersion, QualityRun
from datasets.states import VersionState
from deployments.models import EnvironmentRule
from lifecycle.errors import DataQualityFailed
from lifecycle.models import InputDataset, LoggedModel, ModelVersion
from mlops.core.models import User
from tests.lifecycle.factories import RunFactory, VersionFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/ml/lifecycle/models"
SAID = "was trained on data that failed its quality rules: prices v1."


def judged(data, severity, *, passed=False):
    """Let one rule of this severity say its verdict over the data."""
    rule = {"kind": "range", "severity": severity, "passed": passed}
    QualityRun.write(data, [rule])


@pytest.fixture
def data():
    dataset = Dataset.objects.create(name="prices")
    return DatasetVersion.objects.create(
        dataset=dataset, number=1, digest="d" * 64, state=VersionState.READY
    )


@pytest.fixture
def trained(data):
    """A version with a passed checklist, trained on the data."""
    run = RunFactory()
    run.read_dataset(data, context="training")
    return VersionFactory(model="churn", version="1.0.0", run=run, passed=True)


def approve(api, version="1.0.0"):
    return api("approver").patch(f"{URL}/churn/{version}", {"approved_by": "me"})


def test_failed_data_backs_no_approval(api, data, trained):
    judged(data, "fail")

    answer = approve(api)

    assert (answer.status_code, answer.json()["code"]) == (409, "data_quality_failed")
    assert answer.json()["detail"] == f"churn 1.0.0 {SAID}"
    assert answer.json()["dataset_versions"] == [str(data.pk)]
    assert not ModelVersion.objects.get().is_approved


@pytest.mark.parametrize(
    ("severity", "passed"), [("warn", False), ("warn", True), ("fail", True)]
)
def test_data_that_passed_or_was_only_warned_of_backs_it(
    api, data, trained, severity, passed
):
    judged(data, severity, passed=passed)

    assert approve(api).status_code == 200


def test_data_that_no_rule_judged_backs_it(api, trained):
    assert approve(api).status_code == 200


def test_data_that_passes_when_checked_again_backs_it(api, data, trained):
    judged(data, "fail")
    judged(data, "fail", passed=True)

    assert approve(api).status_code == 200


def test_data_of_the_run_behind_a_logged_model_counts_too(api, data):
    run = RunFactory()
    run.read_dataset(data)
    logged = LoggedModel.objects.create(
        id="m-1",
        experiment=run.experiment,
        name="model",
        source_run=run,
        created_ms=1,
        updated_ms=1,
    )
    VersionFactory(
        model="churn", version="1.0.0", run=None, logged_model=logged, passed=True
    )
    judged(data, "fail")

    assert approve(api).json()["code"] == "data_quality_failed"


def test_data_that_fails_after_the_approval_stops_the_way_to_production(
    api, data, trained
):
    approve(api)
    judged(data, "fail")

    answer = api("approver").patch(f"{URL}/churn/1.0.0", {"stage": "production"})

    assert answer.json()["code"] == "data_quality_failed"
    trained.refresh_from_db()
    with pytest.raises(DataQualityFailed):
        EnvironmentRule(environment="production", needs_approval=True).require(trained)
    EnvironmentRule(environment="development").require(trained)


def test_staff_is_told_on_the_page_and_in_the_list(client, data, trained):
    judged(data, "fail")
    client.force_login(User.objects.create_superuser("boss"))

    form = client.post(
        reverse("admin:lifecycle_modelversion_approve", args=[trained.pk]),
        {"notes": ""},
    )
    listed = client.post(
        reverse("admin:lifecycle_modelversion_changelist"),
        {"action": "approve_selected", "_selected_action": [trained.pk]},
        follow=True,
    )

    assert SAID in form.content.decode()
    assert SAID in listed.content.decode()
    assert not ModelVersion.objects.get().is_approved


def test_data_that_the_catalogue_met_later_is_judged_as_well(api, data):
    run = RunFactory()
    named = {"name": data.dataset.name, "digest": data.digest}
    InputDataset.objects.create(experiment=run.experiment, **named)
    run.read_dataset(data)
    VersionFactory(model="churn", version="1.0.0", run=run, passed=True)
    judged(data, "fail")

    answer = approve(api)

    assert (answer.status_code, answer.json()["code"]) == (409, "data_quality_failed")
