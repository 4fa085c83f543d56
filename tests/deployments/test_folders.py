"""An MLflow python_function folder from upload to answers, and what can go wrong.

The reconciler, the local target and real processes; the folder is made by hand, so
that no MLflow is needed (`lifecycle/mlflow/test_served.py` has the real client).
"""

import json

import pytest
from django.core.exceptions import ValidationError

from deployments.models import Deployment, EnvironmentRule
from deployments.models.rollback import is_intact
from deployments.reconciler import Reconciler
from deployments.reconciler.spec import spec_of
from deployments.serving.supervisor import examination
from deployments.serving.terms import TargetRefused
from deployments.states import Environment, Status
from deployments.targets.local import LocalTarget
from lifecycle import artifacts
from lifecycle.models import ModelVersion
from tests.deployments.factories import served
from tests.deployments.stack import ended
from tests.deployments.targets import folders
from tests.deployments.targets.asking import ask
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.django_db

ROWS = [{"name": name, "shape": [1], "datatype": "FP64", "data": [1]} for name in "ab"]
HANGS = folders.predicting("time.sleep(600)", "import time")
# Only the process that validates has a limit of processor time.
DIES_WHERE_IT_SERVES = (
    folders.SUM
    + """
import os, resource
if resource.getrlimit(resource.RLIMIT_CPU)[0] < 0:
    os.kill(os.getpid(), 9)
"""
)


def uploaded(run, code=folders.SUM, folder="model", **fields):
    for path, content in folders.contents(code, **fields).items():
        artifacts.save(run, f"{folder}/{path}", [content], by=None)


def version_of(code=folders.SUM, model="adder", **fields):
    run = RunFactory()
    uploaded(run, code, **fields)
    return ModelVersion.register(model, by=None, run=run, artifact_path="model")


def golden(version, answer):
    output = {"name": "predict", "shape": [1], "datatype": "FP64", "data": [answer]}
    content = json.dumps({"inputs": ROWS, "outputs": [output]}).encode()
    artifacts.save(version.run, "model.golden.json", [content], by=None)
    return version


@pytest.fixture
def rule():
    changes = {"allows_pickle": True}
    found, _ = EnvironmentRule.objects.update_or_create(
        environment="staging", defaults=changes
    )
    return found


@pytest.fixture
def target(tmp_path):
    with LocalTarget(tmp_path) as made:
        yield made


@pytest.fixture
def deployed(target, tmp_path, settings):
    """Deploy a version to staging and return the deployment at its end."""
    settings.OPEN_MODE = True
    reconciler = Reconciler(dict.fromkeys(Environment.values, target), folder=tmp_path)

    def deploy(version):
        requested = Deployment.request(version, "staging", by=None)
        return ended(reconciler, requested, limit_s=120)

    return deploy


def answered(target, deployment):
    spec = spec_of(deployment, EnvironmentRule.of("staging"))
    return ask(target, spec, "/v2/models/adder/infer", {"inputs": ROWS})


def test_a_folder_is_deployed_and_answers(rule, deployed, target):
    deployment = deployed(golden(version_of(), 2.5))

    assert deployment.status == Status.ACTIVE, deployment.error_message
    assert answered(target, deployment)[1]["outputs"][0]["data"] == [2.5]
    moves = " ".join(deployment.events.values_list("message", flat=True))
    assert "validated as mlflow_pyfunc, 1 stored answers reproduced" in moves


def test_without_the_rule_it_fails_and_names_it(deployed, target):
    EnvironmentRule.objects.filter(pk="staging").update(allows_pickle=False)

    deployment = deployed(version_of())

    assert deployment.status == Status.FAILED
    assert "'allows formats that run code'" in deployment.error_message
    assert "'staging'" in deployment.error_message


@pytest.fixture
def old(rule, deployed):
    return deployed(version_of())


@pytest.fixture
def impatient(old, monkeypatch):
    monkeypatch.setattr(examination, "LIMIT_S", 3.0)


BAD = {
    "import os; os.kill(os.getpid(), 11)": "SIGSEGV",
    "x = bytearray(4 << 30)": "memory",
    "import not_installed_here": "'not_installed_here'",
    DIES_WHERE_IT_SERVES: "The model server was killed by SIGKILL",
}


@pytest.mark.parametrize("code", BAD, ids=BAD.values())
def test_a_bad_one_fails_with_a_sentence_while_the_old_one_answers(
    old, deployed, target, code
):
    new = deployed(version_of(code))

    assert (new.status, BAD[code] in new.error_message) == (Status.FAILED, True)
    assert answered(target, old)[0] == 200


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("code", ["import time; time.sleep(600)", HANGS])
def test_one_that_hangs_fails_while_the_old_one_answers(old, deployed, target, code):
    new = deployed(version_of(code))

    assert (new.status, "hangs" in new.error_message) == (Status.FAILED, True)
    assert answered(target, old)[0] == 200


def test_a_golden_row_that_differs_is_a_failure(rule, deployed):
    deployment = deployed(golden(version_of(), 3.5))

    assert deployment.status == Status.FAILED
    assert "is 2.5, but 3.5 is stored" in deployment.error_message


class TestTheFilesThatWereApproved:
    """What is served is the folder as it was when it was asked for, or nothing."""

    @pytest.fixture
    def deployment(self):
        return served(version_of())

    def test_a_file_more_or_less_is_refused(self, deployment):
        folder = deployment.artifact.run.artifacts
        folder.create(path="model/code/sitecustomize.py", sha256="0" * 64)

        with pytest.raises(TargetRefused, match=r"added, removed or changed"):
            spec_of(deployment, EnvironmentRule.of("staging"))
        assert not is_intact(deployment.artifact, deployment.artifact_sha256)

    def test_a_file_that_is_gone_cannot_be_returned_to(self, deployment):
        assert is_intact(deployment.artifact, deployment.artifact_sha256)

        named = deployment.artifact.run.artifacts.get(path="model/data/bias.txt")
        artifacts.file_path(named).unlink()

        assert not is_intact(deployment.artifact, deployment.artifact_sha256)

    def test_an_mlmodel_without_a_python_function_is_refused(self):
        run = RunFactory()
        artifacts.save(run, "model/MLmodel", [b"flavors: {}"], by=None)
        version = ModelVersion.register(
            "adder", by=None, run=run, artifact_path="model/MLmodel"
        )
        deployment = served(version)

        with pytest.raises(TargetRefused, match=r"no python_function"):
            spec_of(deployment, EnvironmentRule.of("staging"))

    @pytest.mark.parametrize("path", ["python", "../bin/python"])
    def test_an_interpreter_is_named_by_its_whole_path(self, rule, path):
        rule.interpreter = path

        with pytest.raises(ValidationError, match=r"whole path"):
            rule.full_clean()

    def test_the_interpreter_is_the_rules(self, deployment, rule):
        rule.interpreter = "/srv/churn/bin/python"

        assert spec_of(deployment, rule).interpreter == "/srv/churn/bin/python"
