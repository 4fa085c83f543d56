"""ONNX with external data, as the unmodified MLflow client logs it, is served whole."""

import numpy as np
import pytest

from bench.foreign import NoPackageIndex, python_of
from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler import Reconciler
from deployments.reconciler.spec import spec_of
from deployments.states import Environment, Status
from deployments.targets.local import LocalTarget
from lifecycle.models import ModelVersion, servable
from mlops.core.models import ApiToken
from tests.deployments.stack import ended
from tests.deployments.targets.asking import ask
from tests.lifecycle.mlflow import test_real_client as client
from tests.lifecycle.mlflow.server import live_server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SCRIPT = client.SCRIPT.parents[2] / "deployments" / "external_script.py"


@pytest.fixture(scope="module")
def python():
    try:
        return python_of("mlflow-onnx", "mlflow", "onnx", "onnxruntime")
    except NoPackageIndex:
        pytest.skip("no package index answers")


@pytest.fixture
def logged(python, person, tmp_path, monkeypatch):
    """Let the client log its model; return the rows and what pyfunc answers to them."""
    monkeypatch.setattr(client, "SCRIPT", SCRIPT)
    _, token = ApiToken.issue(person("data scientist"), "client")
    with live_server() as (url, _):
        return client.run_client(python, url, tmp_path, MLFLOW_TRACKING_TOKEN=token)


def test_a_model_in_two_files_answers_as_its_pyfunc_did(logged, tmp_path, settings):
    settings.OPEN_MODE = True
    rows, predicted = logged
    version = ModelVersion.objects.get(model__name="deep")
    requested = Deployment.request(version, "staging", by=None)

    with LocalTarget(tmp_path / "data") as target:
        targets = dict.fromkeys(Environment.values, target)
        deployment = ended(Reconciler(targets, folder=tmp_path), requested, 120)
        assert deployment.status == Status.ACTIVE, deployment.error_message
        spec = spec_of(deployment, EnvironmentRule.of("staging"))
        status, found = ask(target, spec, "/", {"instances": rows})

    assert status == 200, found
    assert len(servable.data_files_of(deployment.artifact)) == 1
    got = found.get("predictions", found.get("outputs"))
    got = got["y"] if isinstance(got, dict) else got
    np.testing.assert_allclose(got, predicted["y"], rtol=1e-6, atol=1e-6)
