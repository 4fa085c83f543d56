"""The unmodified client, newest and last 2.x, against a live server.

It runs in another Python and outside the repository (`client_script.py`), with the
environment variables that its users set.
"""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from bench.foreign import NoPackageIndex
from bench.mlflow.client import LAST_2, NEWEST, python_with
from lifecycle.models import ModelVersion, Run
from mlops.core.models import ApiToken

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
]
SCRIPT = Path(__file__).with_name("client_script.py")
ROOT = Path(__file__).parents[3]
READY_S, CLIENT_S = 60, 300
PASSWORD = "long and secret 1"


@contextmanager
def live_server():
    """Run the project on the test database, in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        *(sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1"),
        *("--blocking-threads", "4", "--log-level", "warning"),
        *("--host", "127.0.0.1", "--port", str(port)),
        "tests.lifecycle.mlflow.live:application",
    ]
    env = {**os.environ, "LIVE_DATABASE": json.dumps(_database())}
    with subprocess.Popen(command, cwd=ROOT, env=env) as process:
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _database():
    known = connection.settings_dict
    return {
        key: str(known[key]) for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    }


def _wait(port):
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("the server did not come up")


def run_client(python, url, folder, **env):
    done = subprocess.run(
        [python, SCRIPT],
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

    with live_server() as url:
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

    with live_server() as url:
        found = run_client(
            python,
            url,
            tmp_path,
            MLFLOW_TRACKING_USERNAME=user.username,
            MLFLOW_TRACKING_PASSWORD=PASSWORD,
        )

    assert Run.objects.get(uid=found["run_id"]).created_by == user
    assert settings.DATA_DIR.exists()
