"""Folders that the unmodified MLflow client logs are served as they answer there.

The client logs to a live server, from another Python; the same Python then runs the
models, as the rule of the environment says.
"""

import pytest

from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler import Reconciler
from deployments.reconciler.spec import spec_of
from deployments.states import Environment, Status
from deployments.targets.local import LocalTarget
from lifecycle.models import ModelVersion
from mlops.core.models import ApiToken
from tests.deployments.stack import ended
from tests.deployments.targets.asking import ask
from tests.deployments.targets.waiting import until
from tests.lifecycle.mlflow import test_real_client as client
from tests.lifecycle.mlflow.server import live_server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(params=[client.NEWEST, client.LAST_2])
def python(request):
    return client.python_or_skip(request.param)


@pytest.fixture
def logged(python, person, tmp_path, monkeypatch):
    """Let the client log its models; return what they answer there, by name."""
    monkeypatch.setattr(
        client, "SCRIPT", client.SCRIPT.parents[2] / "deployments" / "pyfunc_script.py"
    )
    _, token = ApiToken.issue(person("data scientist"), "client")
    with live_server() as (url, _):
        return client.run_client(python, url, tmp_path, MLFLOW_TRACKING_TOKEN=token)


@pytest.fixture
def target(tmp_path):
    with LocalTarget(tmp_path / "data") as made:
        yield made


@pytest.fixture
def reconciler(target, python, tmp_path, settings):
    settings.OPEN_MODE = True
    EnvironmentRule.objects.update_or_create(
        environment="staging",
        defaults={"allows_pickle": True, "interpreter": str(python)},
    )
    return Reconciler(dict.fromkeys(Environment.values, target), folder=tmp_path)


def deployed(name, reconciler):
    version = ModelVersion.objects.get(model__name=name)
    requested = Deployment.request(version, "staging", by=None)
    deployment = ended(reconciler, requested, limit_s=300)
    assert deployment.status == Status.ACTIVE, deployment.error_message
    return deployment


def test_what_the_client_logged_is_served_as_it_answers_there(
    logged, reconciler, target
):
    for name, (rows, predicted) in logged.items():
        deployment = deployed(name, reconciler)

        spec = spec_of(deployment, EnvironmentRule.of("staging"))
        status, found = ask(target, spec, "/", {"instances": rows})

        assert (status, found.get("outputs")) == (200, predicted), found
        assert deployment.artifact.path.endswith("MLmodel")


def test_our_own_interpreter_says_what_it_lacks(logged, reconciler):
    EnvironmentRule.objects.update(interpreter="")
    version = ModelVersion.objects.get(model__name="halves")
    deployment = Deployment.request(version, "staging", by=None)

    def look():
        reconciler.once()
        deployment.refresh_from_db()
        return deployment.status == Status.FAILED

    until(look, limit_s=120)
    assert "needs the Python module 'mlflow'" in deployment.error_message
