"""Real reconcilers, and what they left behind: routes, model processes, rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings
from django.db import connection

from deployments.models import Deployment
from deployments.serving.processes import is_alive
from deployments.states import Status
from tests.deployments.targets.waiting import until

RUN = Path(settings.DATA_DIR) / "run"


def started(*point):
    """Return a reconciler's process; `point` is where it kills itself."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
    }
    command = [sys.executable, "-m", "tests.deployments.worker", *map(str, point)]
    return subprocess.Popen(command, env=environment)


def records():
    for path in (RUN / "instances").glob("*.json"):
        try:
            yield json.loads(path.read_bytes())
        except FileNotFoundError:
            continue


def running():
    """Return the deployment ids of model processes that live."""
    return sorted(
        record["deployment_id"]
        for record in records()
        if is_alive(record["pid"], record["start_time"])
    )


def routed():
    files = [json.loads(path.read_bytes()) for path in (RUN / "routes").glob("*.json")]
    return [[entry["deployment_id"] for entry in file["entries"]] for file in files]


def status_of(deployment):
    return Deployment.objects.get(pk=deployment.pk).status


def is_settled(deployment):
    wanted = str(deployment.pk)
    return (
        status_of(deployment) == Status.ACTIVE
        and routed() == [[wanted]]
        and running() == [wanted]
    )


def requested(version, **options):
    return Deployment.request(version, "development", by=None, **options)


def pids_of(deployment):
    """Return the living processes of a deployment."""
    return [
        record["pid"]
        for record in records()
        if record["deployment_id"] == str(deployment.pk)
        and is_alive(record["pid"], record["start_time"])
    ]


def ended(reconciler, deployment, limit_s=60.0):
    """Pass until the deployment is on its way no more; return its last state."""

    def look():
        reconciler.once()
        deployment.refresh_from_db()
        return deployment.status in {Status.ACTIVE, Status.FAILED}

    until(look, limit_s)
    return deployment
