"""The unmodified client, newest and last 2.x, against a live server.

It runs in another Python and outside the repository (`client_script.py`), with the
environment variables that its users set.
"""

import json
import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from bench.foreign import NoPackageIndex
from bench.mlflow.client import LAST_2, NEWEST, python_with
from lifecycle.models import ModelVersion, Run
from mlops.core.models import ApiToken
from tests.lifecycle.mlflow.server import live_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]
SCRIPT = Path(__file__).with_name("client_script.py")
CLIENT_S = 300
PASSWORD = "long and secret 1"


def run_client(python, url, folder, *, script=SCRIPT, **env):
    done = subprocess.run(
        [python, script],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "MLFLOW_TRACKING_URI": url,
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "GIT_PYTHON_REFRESH": "quiet",
            **env,
        },
        capture_output=True,
        text=True,
        timeout=CLIENT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def python_or_skip(requirement):
    try:
        return python_with(requirement)
    except NoPackageIndex:
        pytest.skip("no package index answers")


@pytest.mark.parametrize("requirement", [NEWEST, LAST_2])
def test_a_training_script_works_unchanged(requirement, person, api, tmp_path):
    python = python_or_skip(requirement)
    _, token = ApiToken.issue(person("data scientist"), "client")

    with live_server() as (url, _):
        found = run_client(python, url, tmp_path, MLFLOW_TRACKING_TOKEN=token)

    run = Run.objects.get(uid=found["run_id"])
    assert run.created_by.username == "data-scientist"
    shown = api("viewer").get(f"/api/v1/ml/lifecycle/runs/{run.uid}").json()
    assert shown["status"] == "completed"
    assert {"name": "depth", "value": "3"} in shown["parameters"]
    assert "files/a.bin" in str(shown["artifacts"])
    assert ModelVersion.objects.filter(created_by=run.created_by).count() == 2


def test_a_name_and_a_password_do_as_well(person, tmp_path):
    python = python_or_skip(NEWEST)
    user = person("data scientist")
    user.set_password(PASSWORD)
    user.save()

    with live_server() as (url, _):
        found = run_client(
            python,
            url,
            tmp_path,
            MLFLOW_TRACKING_USERNAME=user.username,
            MLFLOW_TRACKING_PASSWORD=PASSWORD,
        )

    assert Run.objects.get(uid=found["run_id"]).created_by == user
    assert settings.DATA_DIR.exists()
