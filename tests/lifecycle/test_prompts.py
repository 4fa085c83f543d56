"""MLflow keeps prompts in the registry; to everybody else they are no models."""

import pytest
from django.urls import reverse

from deployments.admin.forms import VersionChoice
from deployments.models import Deployment
from lifecycle.models import ModelVersion
from mlops.core.errors import Invalid
from mlops.dashboard import news
from mlops.dashboard.search import KINDS
from tests.lifecycle.factories import RunFactory, VersionFactory
from tests.lifecycle.mlflow.conftest import mlflow, mlflow_as  # noqa: F401

pytestmark = pytest.mark.django_db
REST = "/api/v1/ml/lifecycle/models"
TAG = {"key": "mlflow.prompt.is_prompt", "value": "true"}
GREETING = {"name": "greeting", "source": "prompt-template"}


@pytest.fixture(params=["model", "version"])
def prompt(request, mlflow):  # noqa: F811 - the fixture
    """Make a prompt, of which the model or the version has the tag."""
    tags = {"model": [], "version": [], request.param: [TAG]}
    mlflow.ok("registered-models/create", name="greeting", tags=tags["model"])
    mlflow.ok("model-versions/create", **GREETING, tags=tags["version"])
    return ModelVersion.objects.get()


def test_a_prompt_is_in_no_list_and_at_no_address(prompt, api):
    client, version = api("viewer"), VersionFactory(model="churn")

    listed = [one["model_name"] for one in client.get(REST).json()]
    addresses = (f"{REST}/greeting/1", f"{REST}/{prompt.pk}")
    answers = [client.get(address).status_code for address in addresses]

    assert listed == [version.model.name]
    assert answers == [404, 404]


def test_a_prompt_is_not_deployed(prompt, person):
    with pytest.raises(Invalid, match="is a prompt"):
        Deployment.request(prompt, "development", by=person("operator"))

    assert prompt not in VersionChoice().queryset


def test_a_prompt_waits_for_no_approval_and_is_not_found_as_a_model(prompt):
    prompt.checklist.create(name="bias reviewed")

    found = [list(kind.rows()) for kind in KINDS if kind.rows().model is ModelVersion]

    assert news.approvals_waiting() == []
    assert found == [[]]


def test_no_version_is_registered_under_the_name_of_a_prompt(mlflow, api):  # noqa: F811
    mlflow.ok("registered-models/create", name="greeting", tags=[TAG])
    body = {"model_name": "greeting", "version": "1", "run_id": RunFactory().uid}

    answer = api("data scientist").post(REST, body)

    assert answer.status_code == 422
    assert "greeting is a prompt" in answer.json()["detail"]


@pytest.mark.parametrize("route", ["registered-models", "model-versions"])
def test_what_has_a_file_to_serve_is_made_no_prompt(mlflow, route):  # noqa: F811
    version = VersionFactory(model="churn", content=b"weights")

    answer = mlflow.post(f"{route}/set-tag", name="churn", version="1", **TAG)

    assert (answer.status, answer.code) == (400, "INVALID_PARAMETER_VALUE")
    assert not version.is_prompt


def test_the_admin_lists_prompts_with_the_rest_of_the_registry(prompt, admin_client):
    page = admin_client.get(reverse("admin:lifecycle_registeredmodel_changelist"))

    assert b"greeting" in page.content
