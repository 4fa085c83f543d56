"""`mlflow deployments` with the plugin, on a stack that really serves."""

import json
import os
import subprocess

import pytest
from django.conf import settings

from bench.foreign import NoPackageIndex, python_of
from mlops.demo.panel import FEATURE_NAMES, load
from mlops.demo.story.cast import MODEL
from tests.demo.live import LiveStack

pytestmark = pytest.mark.slow
PLUGIN = settings.BASE_DIR / "clients" / "mlflow-deployments"
COMMAND_S = 400
NAME = f"development/{MODEL}"


@pytest.fixture(scope="module")
def python():
    if given := os.environ.get("MLOPS_MLFLOW_PLUGIN_PYTHON"):
        return given
    try:
        return python_of("mlflow-plugin", "mlflow", str(PLUGIN))
    except NoPackageIndex:
        pytest.skip("no package index answers")


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with LiveStack(tmp_path_factory.mktemp("plugin")).running() as stack:
        yield stack


@pytest.fixture
def mlflow(python, stack, tmp_path):
    """Return a function that runs `mlflow deployments …` and gives its output."""
    target = f"mlops://localhost:{stack.port}"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(PLUGIN),  # as it is now, not as it was once installed
        "MLOPS_TOKEN": stack.tokens["scientist"],
        "GIT_PYTHON_REFRESH": "quiet",
    }

    def run(verb, *arguments, fails=False):
        done = subprocess.run(
            [python, "-m", "mlflow", "deployments", verb, "-t", target, *arguments],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert bool(done.returncode) == fails, done.stderr[-3000:]
        return done.stderr if fails else done.stdout

    return run


def test_the_five_commands(mlflow, tmp_path):
    rows, named = tmp_path / "rows.json", tmp_path / "named.json"
    features = load().complete().features[:2].tolist()
    rows.write_text(json.dumps(features))
    named.write_text(
        json.dumps([dict(zip(FEATURE_NAMES, row, strict=True)) for row in features])
    )

    made = mlflow("create", "--name", NAME, "-m", f"models:/{MODEL}/1")
    twice = mlflow("create", "--name", NAME, "-m", f"models:/{MODEL}/1", fails=True)
    listed = mlflow("list")
    answered = mlflow("predict", "--name", NAME, "-I", str(rows))
    nameless = mlflow("predict", "--name", NAME, "-I", str(named), fails=True)
    updated = mlflow("update", "--name", NAME, "-C", "instances=2")
    shown = mlflow("get", "--name", NAME)
    deleted = mlflow("delete", "--name", NAME)

    assert f"deployment {NAME} is created" in made
    assert "is deployed already; update it" in twice
    assert NAME in listed
    assert len(json.loads(answered)["predictions"]) == 2
    assert "The model does not name its columns" in nameless
    assert "is updated" in updated
    assert "'instances': 2" in shown
    assert f"Deployment {NAME} is deleted" in deleted
