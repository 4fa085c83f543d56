"""Folders that the MLflow client wrote answer as its pyfunc did (`log_models.py`)."""

import json
from pathlib import Path

import numpy as np
import pytest

from deployments.models import Deployment, EnvironmentRule
from deployments.reconciler import Reconciler
from deployments.reconciler.spec import spec_of
from deployments.states import Environment, Status
from deployments.targets.local import LocalTarget
from lifecycle import artifacts
from lifecycle.models import ModelVersion
from tests.deployments.formats.comparing import answered, other_labels, served
from tests.deployments.stack import ended
from tests.deployments.targets.asking import ask
from tests.lifecycle.factories import RunFactory

pytestmark = pytest.mark.filterwarnings("ignore")
LAST_DIGITS = 4
"""In units of the last place: the answers were logged on another processor, whose `exp`
need not round as this one's. `test_flavours` compares with the library right here."""
LOGGED = Path(__file__).with_name("logged")
FOLDERS = sorted(place.name for place in LOGGED.iterdir())


def server(name):
    (model,) = LOGGED.joinpath(name).glob("model.*")
    return served(LOGGED / name, {"path": model.name, "converts": False})


def read(name, file):
    return json.loads((LOGGED / name / file).read_text())


@pytest.mark.parametrize("name", FOLDERS)
def test_the_answer_is_that_of_pyfunc(name):
    asked = server(name)

    got = answered(asked, read(name, "asked.json"))

    types = {each.name: each.datatype for each in asked.model.outputs}
    for output, values in read(name, "answered.json").items():
        dtype = np.float32 if types[output] == "FP32" else None
        want = np.array(values, dtype)
        if want.dtype.kind == "f":
            found = got[output].astype(want.dtype)
            np.testing.assert_array_max_ulp(found, want, LAST_DIGITS)
        else:
            assert other_labels(got[output], want) == 0


def test_the_signature_is_kept():
    model = server("xgb_classifier").model

    inputs = {each.name: each.datatype for each in model.inputs}
    assert list(inputs) == [
        "sepal_length",
        "sepal_width",
        "petal_length",
        "petal_width",
    ]
    assert set(inputs.values()) == {"FP64"}
    outputs = [(each.name, each.shape) for each in model.outputs]
    assert outputs == [("predict", (-1,)), ("predict_proba", (-1, 3))]


@pytest.fixture
def deployed(tmp_path, settings, db):
    settings.OPEN_MODE = True
    with LocalTarget(tmp_path) as target:
        reconciler = Reconciler(
            dict.fromkeys(Environment.values, target), folder=tmp_path
        )

        def deploy(name, **changed):
            run = RunFactory()
            for file in (LOGGED / name).iterdir():
                content = changed.get(file.stem, file.read_bytes())
                artifacts.save(run, f"model/{file.name}", [content], by=None)
            version = ModelVersion.register(
                name, by=None, run=run, artifact_path="model"
            )
            requested = Deployment.request(version, "staging", by=None)
            return ended(reconciler, requested), target

        yield deploy


def test_a_logged_classifier_is_served_with_its_labels(deployed):
    deployment, target = deployed("lgbm_classifier")
    assert deployment.status == Status.ACTIVE, deployment.error_message

    spec = spec_of(deployment, EnvironmentRule.of("staging"))
    status, found = ask(target, spec, "/", read("lgbm_classifier", "asked.json"))

    want = read("lgbm_classifier", "answered.json")
    assert (status, found["predictions"]) == (200, want["predict"])
    assert deployment.signature["manifest"]["flavor"] == "lightgbm"


def test_an_example_that_is_not_taken_fails_the_deployment(deployed):
    body = {"dataframe_split": {"columns": ["sepal_length"], "data": [[1.0]]}}

    deployment, _ = deployed(
        "xgb_classifier", serving_input_example=json.dumps(body).encode()
    )

    assert deployment.status == Status.FAILED
    assert "The input example that was logged" in deployment.error_message
